"""Measures errors on the validation split; draws filmstrips and a curve of the error by frame."""

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
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


class Measured(NamedTuple):
    """What a network is measured by: see `Predict`, and the frames that it is given."""

    predict: Callable[[NDArray], ArrayLike]
    history: History = History.FREE_RUNNING


class Validated(NamedTuple):
    """The result of a validation: metrics by name, and pictures (PNG) by their TensorBoard tag."""

    metrics: dict[str, float]
    pictures: dict[str, bytes]


def validate(
    measured: Measured,
    batches: Iterable[NDArray],
    context_frames: int,
    metric: str = METRIC,
    others: Mapping[str, Measured] = MappingProxyType({}),
) -> Validated:
    """Measure predictions (finite, or FloatingPointError) beside copied last frames; draw them.

    Args:
        measured: the network at its task.
        batches: batches of clips, float32 (B, T, H, W, C) in [0, 1].
        context_frames: Tc, the number of a clip's first frames that are the context.
        metric: a metric to measure besides METRIC, which the pictures show.
        others: the network at other tasks, by the name that METRIC gets there.
    """
    values: dict[str, list[NDArray]] = defaultdict(list)
    copied: list[NDArray] = []
    pictures: dict[str, bytes] = {}
    for clips in batches:
        truth, prediction = _both(measured, clips, context_frames)
        error = METRICS[METRIC](truth, prediction)
        values[METRIC].append(error)
        if metric != METRIC:
            values[metric].append(METRICS[metric](truth, prediction))
        for name, other in others.items():
            values[name].append(METRICS[METRIC](*_both(other, clips, context_frames)))
        last = copy_last_frame(clips[:, :context_frames], truth.shape[1])
        copied.append(METRICS[METRIC](truth, last))
        shown = truth if measured.history == History.RECONSTRUCTED else clips
        for clip, predicted, of_clip in zip(shown, prediction, error, strict=True):
            number = len(pictures)
            if number < DRAWN_CLIPS:
                title = f"validation clip {number}, {METRIC} {of_clip.mean():.1f} per frame"
                pictures[f"filmstrips/clip_{number}"] = png(filmstrip(clip, predicted, title))
    errors = {"network": values[METRIC], "copy last frame": copied}
    curves = {name: np.concatenate(rows).mean(axis=0) for name, rows in errors.items()}
    metrics = {name: float(np.concatenate(rows).mean()) for name, rows in values.items()}
    first = 1 if measured.history == History.RECONSTRUCTED else context_frames + 1
    return Validated(metrics, {f"by_frame/{METRIC}": frame_curves(curves, first), **pictures})


def _both(measured: Measured, clips: NDArray, context_frames: int) -> tuple[NDArray, NDArray]:
    """Return the truth of a task, (B, Tp, H, W, C), and what the network makes of it.

    Raises:
        FloatingPointError: that is not finite, as of weights that diverged.
    """
    predict, history = measured
    prediction = np.asarray(predict(given_frames(clips, context_frames, history)))
    if not np.isfinite(prediction).all():
        raise FloatingPointError("the network's predictions are not finite in validation")
    return true_frames(clips, context_frames, history), prediction


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
