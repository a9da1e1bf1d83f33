"""A run's folder: its files and folders, and how it is made without harm to another run."""

import contextlib
import difflib
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfvp.config.experiment import Experiment
from tfvp.config.loading import dump, load_resolved
from tfvp.errors import ConfigError, RunError
from tfvp.system.files import creating, write_json, write_text

CONFIG_DIGEST = "config_sha256"
_LONGEST_NAME = 200  # bytes; a file system takes 255, some of which temporary names need


@dataclass(frozen=True)
class ResultFolder:
    """The files of one evaluation: the run's own folder, or one of its evaluations/."""

    root: Path

    @property
    def metrics_path(self) -> Path:
        """Return the file of the test metrics, with their intervals and the baselines'."""
        return self.root / "metrics.json"

    @property
    def per_frame_path(self) -> Path:
        """Return the file of the test metrics by predicted frame."""
        return self.root / "per_frame.csv"

    @property
    def per_sequence_path(self) -> Path:
        """Return the file of the test metrics by sequence and predicted frame."""
        return self.root / "per_sequence.csv"

    @property
    def packed_sequences_path(self) -> Path:
        """Return the file of the network's part of it alone, compressed, as kept runs have it."""
        return self.root / "per_sequence.csv.gz"

    @property
    def samples(self) -> Path:
        """Return the folder of test clips with truth, prediction and error."""
        return self.root / "samples"


@dataclass(frozen=True)
class Run(ResultFolder):
    """The files and folders of a run; a stage makes the folders that it writes to."""

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return Path(os.path.abspath(self.root)).name

    @property
    def config_path(self) -> Path:
        """Return the file of the resolved experiment, written before anything else."""
        return self.root / "config.yaml"

    @property
    def provenance_path(self) -> Path:
        """Return the file of versions, git revision, seed, device and hashes, written at first."""
        return self.root / "provenance.json"

    @property
    def checkpoints(self) -> Path:
        """Return the folder of checkpoints: weights, optimizer state and step."""
        return self.root / "checkpoints"

    @property
    def logs(self) -> Path:
        """Return the folder of everything that training logs."""
        return self.root / "logs"

    @property
    def train_log(self) -> Path:
        """Return the file of the loss by step."""
        return self.logs / "train.csv"

    @property
    def validation_log(self) -> Path:
        """Return the file of the validation metrics by step."""
        return self.logs / "validation.csv"

    @property
    def tensorboard(self) -> Path:
        """Return the folder that `tensorboard --logdir` reads."""
        return self.logs / "tensorboard"

    @property
    def evaluations(self) -> Path:
        """Return the folder of a `ResultFolder` for each measurement but the run's own."""
        return self.root / "evaluations"

    @property
    def figures(self) -> Path:
        """Return the folder of the report's plots."""
        return self.root / "figures"

    @property
    def report_path(self) -> Path:
        """Return the file of the run's report."""
        return self.root / "report.md"

    @property
    def export(self) -> Path:
        """Return the folder of the SavedModel."""
        return self.root / "export"


def evaluation_folder(run: Run, *names: str) -> ResultFolder:
    """Return the place of a measurement: `evaluations/<names>` of a run, or its own folder.

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
            digest = config_digest(Run(folder))
            write_json(Run(folder).provenance_path, {**provenance, CONFIG_DIGEST: digest})
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):  # another process was faster
            refuse_existing(run)
        raise RunError(f"{run.root}: cannot be made: {error.strerror or error}") from None
    return run


def config_digest(run: Run) -> str:
    """Return the SHA-256 of a run's config.yaml, which its provenance keeps under CONFIG_DIGEST."""
    return hashlib.sha256(run.config_path.read_bytes()).hexdigest()


@contextlib.contextmanager
def trained_by_one(run: Run) -> Iterator[None]:
    """Hold a run's folder against other processes that would train the same run.

    The operating system gives it free when the process ends, however it ends. Where a file system
    knows no such locks, nothing is held.

    Raises:
        RunError: another process trains the run.
    """
    folder = os.open(run.root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise RunError(
            f"{run.root} is being trained by another process; wait for it, stop it, or choose "
            "another name with --name NEW"
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(folder)


def refuse_existing(run: Run) -> None:
    """Make sure that a new run can be made: RunError if something is where it would write.

    Raises:
        RunError: the folder exists, or could not be made because of its name or of permissions.
    """
    if os.path.lexists(run.root):
        raise RunError(
            f"{run.root} exists and is never overwritten; continue it with --resume, choose "
            "another name with --name NEW, or remove it yourself"
        )
    above = next(folder for folder in run.root.absolute().parents if folder.exists())
    reason = ""
    if len(os.fsencode(run.name)) > _LONGEST_NAME:
        reason = f"the name is longer than {_LONGEST_NAME} bytes; choose another with --name"
    elif not above.is_dir():
        reason = f"{above} is not a folder; choose another with --set results=FOLDER"
    elif not os.access(above, os.W_OK | os.X_OK):
        reason = f"{above} is not writable; choose another with --set results=FOLDER"
    if reason:
        raise RunError(f"{run.root}: cannot be made: {reason}")


def open_run(path: str | Path) -> Run:
    """Open a run's folder after checking that it is one.

    Raises:
        RunError: it does not exist, is not a run, or its config.yaml is damaged.
    """
    run = Run(Path(path))
    if not run.root.is_dir():
        kind = "is not a folder" if run.root.exists() else "does not exist"
        raise RunError(f"{run.root} {kind}; expected the folder of a run{other_runs(run.root)}")
    if not run.config_path.is_file():
        raise RunError(f"{run.root} is not a run: it has no {run.config_path.name}")
    try:
        load_resolved(run.config_path)
    except ConfigError as error:
        raise RunError(f"{run.root} cannot be used, its config is damaged: {error}") from None
    _check_unchanged(run)
    return run


def _check_unchanged(run: Run) -> None:
    """Raise a RunError if config.yaml is not what was written; earlier runs kept no digest."""
    try:
        kept = json.loads(run.provenance_path.read_text("utf-8")).get(CONFIG_DIGEST)
    except (OSError, ValueError, AttributeError):
        return  # whoever needs the provenance says what is wrong with it
    if kept not in (None, config_digest(run)):
        raise RunError(
            f"{run.config_path} was changed after the run was made (its SHA-256 is not the one in "
            f"{run.provenance_path.name}); restore it, and change settings with --set when resuming"
        )


def other_runs(missing: Path) -> str:
    """Say, to end a message, which runs lie beside a folder that is not there; "" without any."""
    runs = sorted(p.parent.name for p in missing.parent.glob("*/config.yaml"))
    near = difflib.get_close_matches(missing.name, runs, n=1)
    if near:
        return f"; did you mean {missing.parent / near[0]}?"
    return f"; runs in {missing.parent}: {', '.join(runs)}" if runs else ""
