"""Keeps the results of runs in results/reference/, without paths of this machine."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tfvp.config.loading import dump, load_resolved
from tfvp.errors import RunError, first_line
from tfvp.evaluation.per_sequence import SequenceValues, packed, sequences_csv
from tfvp.evaluation.samples import read_samples
from tfvp.evaluation.schema import MODEL
from tfvp.presets.card import may_be_passed_on
from tfvp.reporting.evaluated_run import EvaluatedRun
from tfvp.reporting.figures.validation_curves import CURVE, read_curve
from tfvp.reporting.kept_weights import MOST_BYTES, WEIGHTS, half_precision
from tfvp.reporting.tables.published import published_path
from tfvp.runs.checkpoint_files import checkpoint_path
from tfvp.runs.folder import CONFIG_DIGEST, Run, config_digest, refuse_existing
from tfvp.runs.provenance import read_provenance, without_places
from tfvp.system.files import creating, write_bytes, write_json, write_text

ANIMATION = "sample.gif"
_WHERE = ("results", "data.root", "data.prepared")  # keys that say where things lie
_SETS = "--set"
# A folder and something in it; the second slash of https:// does not begin one.
_PATH = re.compile(r"(?<![\w.:/])~?/[\w.-]+/[\w./-]*")


def reference_folder() -> Path:
    """Find the folder in which a checkout keeps its reference runs, beside published.yaml.

    Raises:
        RunError: there is no published.yaml.
    """
    return published_path().parent / "reference"


def record(evaluated: EvaluatedRun, folder: Path) -> Path:
    """Keep an evaluated run in `folder`/<name>/, completely or not at all.

    The folder gets config.yaml, provenance.json, metrics.json, per_frame.csv, the network's values
    by sequence, the validations, an animation of the first sample where the data's terms let frames
    be passed on, and the weights that were measured, in half precision, where they are small.

    Args:
        evaluated: the run.
        folder: the folder of all reference runs; it is made if it is not there.

    Raises:
        RunError: a reference run of that name exists; the run's files are missing or damaged; it
            was made by code that is in no commit; or a file names a path of this machine.
    """
    run, kept = Run(evaluated.folder.root), Run(folder / evaluated.name)
    refuse_existing(kept)
    provenance = read_provenance(run)
    _check_code(run, provenance)
    folder.mkdir(parents=True, exist_ok=True)
    with creating(kept.root) as temporary:
        temporary.mkdir()
        half_made = Run(temporary)
        write_text(half_made.config_path, dump(without_places(load_resolved(run.config_path))))
        kept_from = {**_without_places(provenance), CONFIG_DIGEST: config_digest(half_made)}
        write_json(half_made.provenance_path, kept_from)
        shutil.copyfile(run.metrics_path, half_made.metrics_path)
        shutil.copyfile(run.per_frame_path, half_made.per_frame_path)
        _keep_sequences(evaluated, half_made)
        _keep_weights(evaluated, half_made)
        if curve := read_curve(run):
            write_text(half_made.root / CURVE, curve.csv)
        if may_be_passed_on(evaluated.metrics):
            for sample in read_samples(run.samples)[:1]:
                shutil.copyfile(run.samples / sample.animation, half_made.root / ANIMATION)
        _refuse_paths(half_made, run)
    return kept.root


def _keep_sequences(evaluated: EvaluatedRun, kept: Run) -> None:
    """Write the network's values by sequence; the baselines' are those of every run on the data."""
    numbers, values = evaluated.sequences
    text = sequences_csv(SequenceValues(numbers, {MODEL: values[MODEL]}))
    write_bytes(kept.packed_sequences_path, packed(text))


def _keep_weights(evaluated: EvaluatedRun, kept: Run) -> None:
    """Write the weights that were measured, if they are there, small, and all of our making."""
    about, run = evaluated.metrics.metadata, Run(evaluated.folder.root)
    checkpoint = checkpoint_path(run.checkpoints, about.steps)
    if not checkpoint.is_file() or load_resolved(run.config_path).model.pretrained_files:
        return
    kind = "average" if about.weights == "averaged" else "weights"
    try:
        with np.load(checkpoint, allow_pickle=False) as arrays:
            weights = half_precision(arrays, kind)
    except Exception as error:  # readers of zip and npy files raise whatever a flipped bit leads to
        raise RunError(f"{checkpoint} is damaged, and is not kept: {first_line(error)}") from None
    if len(weights) <= MOST_BYTES:
        write_bytes(kept.root / WEIGHTS, weights)


def reference_runs(folder: Path) -> list[Run]:
    """List the reference runs in a folder, in the order of their names."""
    found = (Run(path.parent) for path in folder.glob("[!.]*/metrics.json"))
    return sorted(found, key=lambda run: run.name)


def _check_code(run: Run, provenance: dict[str, Any]) -> None:
    """Raise RunError unless the code of a run, and of each resumption, is in a commit."""
    stretches = [provenance, *provenance.get("resumed", {}).values()]
    for state in (stretch.get("git") for stretch in stretches):
        if not isinstance(state, dict) or state.get("dirty") is not False:
            raise RunError(
                f"{run.root}: made by code that is in no commit; commit it and run again from a "
                "clean checkout"
            )


def _without_places(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return the provenance with commands that do not name folders of this machine."""
    cleaned = dict(provenance)
    if "command" in cleaned:
        cleaned["command"] = command_anywhere(cleaned["command"])
    if "resumed" in cleaned:
        cleaned["resumed"] = {k: _without_places(v) for k, v in cleaned["resumed"].items()}
    return cleaned


def command_anywhere(command: str) -> str:
    """Remove the settings from a command that name folders of a machine.

    >>> command_anywhere("run.py --set results=/a/b --set training.steps=3 --set=data.root=/c")
    'run.py --set training.steps=3'
    """
    words, kept = iter(shlex.split(command)), []
    for word in words:
        setting = next(words, "") if word == _SETS else word.removeprefix(f"{_SETS}=")
        if setting.split("=")[0] not in _WHERE:
            kept += [word, setting] if word == _SETS else [word]
    return shlex.join(kept)


def _refuse_paths(made: Run, run: Run) -> None:
    """Raise RunError if a file of the copy `made` of a run names a path of this machine."""
    for path in (made.config_path, made.provenance_path, made.metrics_path, made.per_frame_path):
        found = _PATH.search(path.read_text("utf-8"))
        if found:
            raise RunError(
                f"{run.root / path.name} names {found[0]}, a path of this machine, and is not kept"
            )
