"""Measures errors on the validation split; draws filmstrips and a curve of the error by frame."""

import io
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from tfvp.drawing.clips import filmstrip, png
from tfvp.evaluation.measure_batch import given_frames, true_frames
from tfvp.evaluation.metrics import METRICS
from tfvp.evaluation.schema import History
from tfvp.models.baselines import copy_last_frame

DRAWN_CLIPS = 3
METRIC = "mse"
DPI = 100


class Validated(NamedTuple):
    """The result of a validation: metrics by name, and pictures (PNG) by their TensorBoard tag."""

    metrics: dict[str, float]
    pictures: dict[str, bytes]


def validate(
    predict: Callable[[NDArray], ArrayLike],
    batches: Iterable[NDArray],
    context_frames: int,
    metric: str = METRIC,
    history: History = History.FREE_RUNNING,
) -> Validated:
    """Measure predictions beside copying the last frame, and draw them.

    Args:
        predict: turns the frames it is given into the predicted ones, shapes see `Predict`.
        batches: batches of clips, float32 (B, T, H, W, C) in [0, 1].
        context_frames: Tc, the number of a clip's first frames that are the context.
        metric: a metric to measure besides METRIC, which the pictures show.
        history: which frames `predict` is given.
    """
    also: list[NDArray] = []
    errors: dict[str, list[NDArray]] = {"network": [], "copy last frame": []}
    pictures: dict[str, bytes] = {}
    for clips in batches:
        context, truth = clips[:, :context_frames], true_frames(clips, context_frames, history)
        prediction = np.asarray(predict(given_frames(clips, context_frames, history)))
        copied = copy_last_frame(context, truth.shape[1])
        measured = METRICS[METRIC](truth, prediction)
        also.append(measured if metric == METRIC else METRICS[metric](truth, prediction))
        errors["network"].append(measured)
        errors["copy last frame"].append(METRICS[METRIC](truth, copied))
        shown = truth if history == History.RECONSTRUCTED else clips
        for clip, predicted, error in zip(shown, prediction, measured, strict=True):
            number = len(pictures)
            if number < DRAWN_CLIPS:
                title = f"validation clip {number}, {METRIC} {error.mean():.1f} per frame"
                pictures[f"filmstrips/clip_{number}"] = png(filmstrip(clip, predicted, title))
    curves = {name: np.concatenate(rows).mean(axis=0) for name, rows in errors.items()}
    metrics = {
        METRIC: float(np.concatenate(errors["network"]).mean()),
        metric: float(np.concatenate(also).mean()),
    }
    first = 1 if history == History.RECONSTRUCTED else context_frames + 1
    return Validated(metrics, {f"by_frame/{METRIC}": frame_curves(curves, first), **pictures})


def frame_curves(curves: dict[str, NDArray], first: int) -> bytes:
    """Draw errors by name, (Tp,) each, against the frame number from `first`, and return a PNG."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axis = figure.subplots()
    for (name, values), style in zip(curves.items(), ("o-", "--"), strict=True):
        numbers = np.arange(first, first + len(values))
        axis.plot(numbers, values, style, label=name)
    given = f"frames 1 to {first - 1} are" if first > 1 else "all are"
    axis.set_xlabel(f"frame number ({given} given)")
    axis.set_ylabel(f"{METRIC} per frame, mean over the validation clips")
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    return data.getvalue()
