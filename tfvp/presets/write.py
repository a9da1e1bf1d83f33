"""Writes the folder of a pretrained network, whole or not at all."""

import hashlib
import io
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from tfvp.config.experiment import Experiment
from tfvp.config.loading import dump
from tfvp.errors import RunError
from tfvp.evaluation.samples import read_arrays, read_samples
from tfvp.evaluation.schema import History, Metrics, read_metrics
from tfvp.porting.safetensors import write_safetensors
from tfvp.presets.card import card
from tfvp.presets.folder import (
    CARD,
    CONFIG,
    EXAMPLE,
    METRICS,
    RECORD,
    WEIGHTS,
    Example,
    FileName,
    FileRecord,
    Preset,
    PresetRecord,
)
from tfvp.runs.folder import ResultFolder
from tfvp.runs.provenance import without_places
from tfvp.system.files import creating, write_bytes, write_json, write_text

EXAMPLES = 3  # clips


class Measured(NamedTuple):
    """What is known of weights beside themselves."""

    metrics: Metrics | None = None
    example: Example | None = None


def measured_of_run(run: ResultFolder, steps: int) -> Measured:
    """Return what a run's evaluation wrote, if it was of the weights after `steps` updates.

    Raises:
        RunError: a file of the evaluation is damaged.
    """
    if not run.metrics_path.is_file():
        return Measured()
    metrics = read_metrics(run.metrics_path)
    if metrics.metadata.steps != steps:
        return Measured()
    if metrics.protocol.history != History.FREE_RUNNING:
        return Measured(metrics)
    clips = [read_arrays(run.samples, sample) for sample in read_samples(run.samples)[:EXAMPLES]]
    if not clips:
        return Measured(metrics)
    frames, predictions = zip(*clips, strict=True)
    return Measured(metrics, Example(np.stack(frames), np.stack(predictions)))


def write_preset(
    folder: Path,
    experiment: Experiment,
    weights: Mapping[str, np.ndarray],
    steps: int,
    measured: Measured,
) -> Preset:
    """Write a new folder of a pretrained network.

    Args:
        folder: a new folder; its name becomes the preset's.
        experiment: the one it was trained in; folders of this machine are left out.
        weights: by the path of their variable.
        steps: the number of optimizer updates.
        measured: numbers and examples of these very weights.

    Raises:
        RunError: the folder exists, or cannot be written.
    """
    if os.path.lexists(folder):
        raise RunError(f"{folder}: exists and is never overwritten; choose another name")
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        with creating(folder) as temporary:
            temporary.mkdir()
            write_text(temporary / CONFIG, dump(_anywhere(experiment)))
            about = {"network": experiment.model.network, "steps": str(steps)}
            write_safetensors(temporary / WEIGHTS, weights, about)
            if measured.metrics:
                write_json(temporary / METRICS, measured.metrics.as_json())
            if measured.example:
                write_bytes(temporary / EXAMPLE, _compressed(measured.example))
            record = PresetRecord(tfvp=_version(), steps=steps, files=_files(temporary))
            write_json(temporary / RECORD, record.model_dump(mode="json"))
            text = card(folder.absolute().name, experiment, steps, measured.metrics)
            write_text(temporary / CARD, text)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return Preset(folder)


def _anywhere(experiment: Experiment) -> Experiment:
    """Return the experiment without places of this machine, those of first weights among them."""
    init = experiment.training.init.model_copy(update={"source": None})
    training = experiment.training.model_copy(update={"init": init})
    return without_places(experiment).model_copy(update={"training": training})


def _files(folder: Path) -> dict[FileName, FileRecord]:
    contents = {
        name: (folder / name).read_bytes()
        for name in get_args(FileName)
        if (folder / name).is_file()
    }
    return {
        name: FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }


def _compressed(example: Example) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **example._asdict())
    return content.getvalue()


def _version() -> str | None:
    try:
        return metadata.version("tfvp")
    except metadata.PackageNotFoundError:
        return None
