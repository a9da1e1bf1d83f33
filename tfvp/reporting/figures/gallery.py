"""Describes the page's gallery: every kept test clip with each model's prediction."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfvp.evaluation.samples import NAMED, Sample, read_arrays
from tfvp.reporting.evaluated_run import EvaluatedRun, names

LAST_FRAME = "Copy last frame"


def gallery(groups: Sequence[Sequence[EvaluatedRun]]) -> list[dict[str, Any]]:
    """Describe every kept clip for the page's script.

    Returns:
        For each clip its data, index, number of context frames, whether the others are predicted
        or reconstructed, size, the strip of its true frames and, for each model that predicted it,
        the strip of these frames, why the clip was kept and the error of each frame.
        A strip is a PNG with the frames side by side.
    """
    return [
        _entry(group, clip, "" if len(groups) == 1 else f"{group[0].metrics.metadata.data}: ")
        for group in groups
        for clip in dict.fromkeys(sample.clip for run in group for sample in run.samples)
    ]


def _entry(group: Sequence[EvaluatedRun], clip: int, data: str) -> dict[str, Any]:
    protocol = group[0].metrics.protocol
    height, width, _ = protocol.frame_shape
    having = [
        (name, run, sample)
        for name, run in zip(names(group), group, strict=True)
        for sample in run.samples
        if sample.clip == clip
    ]
    models = [_model(*each) for each in having]
    _, run, sample = having[0]
    frames, prediction = read_arrays(run.folder.samples, sample)
    last = np.repeat(frames[protocol.context_frames - 1][None], len(prediction), axis=0)
    return {
        "title": f"{data}test clip {clip}",
        "context": len(frames) - len(prediction),
        "phase": "reconstructed" if protocol.task == "reconstruction" else "predicted",
        "frames": len(frames),
        "height": height,
        "width": width,
        "truth": strip_uri(frames),
        "models": [*models, {"name": LAST_FRAME, "note": "", "strip": strip_uri(last)}],
    }


def _model(name: str, run: EvaluatedRun, sample: Sample) -> dict[str, Any]:
    _, prediction = read_arrays(run.folder.samples, sample)
    metric, info = next(iter(run.metrics.metrics.items()))
    errors = run.per_sequence(metric)[sample.clip]
    return {
        "name": name,
        "note": sample.note,
        "strip": strip_uri(prediction),
        "metric": info.title,
        "errors": [float(f"{error:.4g}") if np.isfinite(error) else None for error in errors],
    }


def shared_clips(group: Sequence[EvaluatedRun]) -> list[int]:
    """List the indices of the clips that all runs of a group kept."""
    kept = [{sample.clip for sample in run.samples} for run in group]
    return sorted(set.intersection(*kept)) if kept else []


def named_clips(group: Sequence[EvaluatedRun]) -> list[int]:
    """List the clips that all runs of a group kept because `evaluation.clips` names them."""
    named = [{s.clip for s in run.samples if s.note == NAMED} for run in group]
    return sorted(set.intersection(*named)) if named else []


def clip_of(group: Sequence[EvaluatedRun], clip: int) -> tuple[NDArray, dict[str, NDArray]]:
    """Read a clip's frames (T, H, W, C) and each model's prediction (Tp, H, W, C), in [0, 1]."""
    frames, predictions = np.zeros(0), {}
    for name, run in zip(names(group), group, strict=True):
        sample = next(s for s in run.samples if s.clip == clip)
        frames, predictions[name] = (a / 255 for a in read_arrays(run.folder.samples, sample))
    return frames, predictions


def strip_uri(frames: NDArray[np.uint8]) -> str:
    """Make the data URI of a PNG with the frames side by side, uint8 (T, H, W, C)."""
    side_by_side = np.concatenate(list(frames), axis=1)
    pixels = side_by_side[..., 0] if side_by_side.shape[-1] == 1 else side_by_side
    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(data, format="PNG")
    return png_uri(data.getvalue())


def png_uri(png: bytes) -> str:
    """Make the data URI of a PNG."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def svg_uri(svg: bytes) -> str:
    """Make the data URI of an SVG."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
