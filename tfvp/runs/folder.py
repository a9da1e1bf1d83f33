"""A run's folder: what lies where in it, how it is made without harm to another, and provenance."""

import difflib
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfvp.config.experiment import Experiment
from tfvp.config.loading import dump, load_resolved
from tfvp.errors import ConfigError, RunError
from tfvp.system.files import creating, write_json, write_text


@dataclass(frozen=True)
class ResultFolder:
    """The places of one evaluation: the run's own folder, or one of its evaluations/."""

    root: Path

    @property
    def metrics_path(self) -> Path:
        """Test metrics, their intervals and the baselines'."""
        return self.root / "metrics.json"

    @property
    def per_frame_path(self) -> Path:
        """Test metrics by predicted frame."""
        return self.root / "per_frame.csv"

    @property
    def per_sequence_path(self) -> Path:
        """Test metrics by sequence and predicted frame."""
        return self.root / "per_sequence.csv"

    @property
    def samples(self) -> Path:
        """Folder of test clips with truth, prediction and error."""
        return self.root / "samples"


@dataclass(frozen=True)
class Run(ResultFolder):
    """The places in a run's folder; a stage makes the folders that it writes to."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return Path(os.path.abspath(self.root)).name

    @property
    def config_path(self) -> Path:
        """The resolved experiment, written before anything else."""
        return self.root / "config.yaml"

    @property
    def provenance_path(self) -> Path:
        """Versions, git revision, seed, device and hashes, written before anything else."""
        return self.root / "provenance.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of weights, optimizer state and step."""
        return self.root / "checkpoints"

    @property
    def logs(self) -> Path:
        """Folder of everything that training logs."""
        return self.root / "logs"

    @property
    def train_log(self) -> Path:
        """Loss by step."""
        return self.logs / "train.csv"

    @property
    def validation_log(self) -> Path:
        """Validation metrics by step."""
        return self.logs / "validation.csv"

    @property
    def tensorboard(self) -> Path:
        """Folder that `tensorboard --logdir` reads."""
        return self.logs / "tensorboard"

    @property
    def evaluations(self) -> Path:
        """Folder of a `ResultFolder` for each measurement that is not the run's own."""
        return self.root / "evaluations"

    @property
    def figures(self) -> Path:
        """Folder of the report's plots."""
        return self.root / "figures"

    @property
    def report_path(self) -> Path:
        """The page that shows all of it."""
        return self.root / "report.md"

    @property
    def export(self) -> Path:
        """Folder of the SavedModel."""
        return self.root / "export"


def evaluation_folder(run: Run, *names: str) -> ResultFolder:
    """The place of a measurement: `evaluations/<names>` of a run, or the run's own folder.

    Args:
        run: the run.
        names: what is measured otherwise than by the run's configuration, e.g. "sequences-50";
            joined by a hyphen. None: it is the run's own measurement.
    """
    return ResultFolder(run.evaluations / "-".join(names)) if names else run


def create_run(experiment: Experiment, *, provenance: Mapping[str, Any]) -> Run:
    """Make `<results>/<name>/` with config.yaml and provenance.json in it, whole or not at all.

    Raises:
        RunError: the folder exists (nothing in it is touched), or cannot be made.
    """
    run = Run(experiment.results / experiment.name)
    refuse_existing(run)
    try:
        run.root.parent.mkdir(parents=True, exist_ok=True)
        with creating(run.root) as folder:
            folder.mkdir()
            write_text(Run(folder).config_path, dump(experiment))
            write_json(Run(folder).provenance_path, dict(provenance))
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):  # another process was faster
            refuse_existing(run)
        raise RunError(f"{run.root}: cannot be made: {error.strerror or error}") from None
    return run


def refuse_existing(run: Run) -> None:
    """Make sure that a new run harms none: RunError if something is where it would write."""
    if os.path.lexists(run.root):
        raise RunError(
            f"{run.root} exists and is never overwritten; continue it with --resume, choose "
            "another name with --name NEW, or remove it yourself"
        )


def open_run(path: str | Path) -> Run:
    """Open a run's folder after checking that it is one.

    Raises:
        RunError: it does not exist, is not a run, or its config.yaml is damaged.
    """
    run = Run(Path(path))
    if not run.root.is_dir():
        kind = "is not a folder" if run.root.exists() else "does not exist"
        raise RunError(f"{run.root} {kind}; expected the folder of a run{_others(run.root)}")
    if not run.config_path.is_file():
        raise RunError(f"{run.root} is not a run: it has no {run.config_path.name}")
    try:
        load_resolved(run.config_path)
    except ConfigError as error:
        raise RunError(f"{run.root} cannot be used, its config is damaged: {error}") from None
    return run


def _others(missing: Path) -> str:
    """The runs beside a folder that is not there, the nearest name first."""
    runs = sorted(p.parent.name for p in missing.parent.glob("*/config.yaml"))
    near = difflib.get_close_matches(missing.name, runs, n=1)
    if near:
        return f"; did you mean {missing.parent / near[0]}?"
    return f"; runs in {missing.parent}: {', '.join(runs)}" if runs else ""
