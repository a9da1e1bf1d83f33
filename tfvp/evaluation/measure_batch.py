"""Measures one batch of clips: what the network and the baselines predict, and every metric."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfvp.errors import DataError, TrainingError
from tfvp.evaluation.metrics import METRICS, PerFrame
from tfvp.evaluation.schema import ENTROPY_BOUND, MODEL, History
from tfvp.models.baselines import BASELINES, Baseline
from tfvp.sections import ModelSection
from tfvp.shapes import check_shape, describe
from tfvp.system.threads import usable_cores

Predict = Callable[[NDArray], ArrayLike]
"""Given frames, float32 (B, T, H, W, C) in [0, 1] -> predicted frames (B, Tp, H, W, C).

T is the length of the context when free-running; under teacher forcing it is the length of the clip
without its last frame; with true pixels it is all of the clip, whose likelihood the network gives.
A network that reconstructs gives the context back, in its true order.
"""


def usual_history(model: ModelSection, task: str) -> History:
    """The history with which a network is measured where nothing else is asked for.

    Args:
        model: the network's section.
        task: prediction or reconstruction.
    """
    if task == "reconstruction":
        return History.RECONSTRUCTED
    return History.TRUE_PIXELS if model.measured_with_true_pixels else History.FREE_RUNNING


def given_frames(clips: NDArray, context_frames: int, history: History) -> NDArray:
    """Cut the frames that a network may see out of clips (B, T, H, W, C).

    They are a copy, so that the network cannot reach the frames behind them.
    """
    ends = {
        History.FREE_RUNNING: context_frames,
        History.RECONSTRUCTED: context_frames,
        History.TEACHER_FORCED: -1,
    }
    return clips[:, : ends.get(history)].copy()


def true_frames(clips: NDArray, context_frames: int, history: History) -> NDArray:
    """Cut the frames that a network's are compared with out of clips (B, T, H, W, C)."""
    if history == History.RECONSTRUCTED:
        return clips[:, :context_frames]
    return clips[:, context_frames:]


def measure_batch(
    predict: Predict,
    clips: NDArray,
    context_frames: int,
    metrics: Sequence[str],
    history: History,
    done: int,
) -> dict[str, dict[str, PerFrame]]:
    """Measure the network and every baseline on one batch, the metrics on all cores.

    Args:
        predict: the network.
        clips: float32 (B, T, H, W, C) in [0, 1].
        context_frames: frames that are given.
        metrics: names in METRICS.
        history: see `History`.
        done: the number of sequences before these, for messages.

    Returns:
        method -> metric -> values (B, predicted frames). With the cross entropy there is one
        method more, ENTROPY_BOUND: the cross entropy of the true frames with themselves.

    Raises:
        ValueError: the prediction has another shape than the true frames.
        TrainingError: the network predicts NaN or infinity.
    """
    truth = true_frames(clips, context_frames, history)
    given = given_frames(clips, context_frames, history)
    predictions = {MODEL: _checked_prediction(predict(given), truth.shape, done)}
    for method, baseline in BASELINES.items():
        predictions[method] = _of_baseline(baseline, clips, context_frames, history)
    jobs = list(product(predictions, metrics))
    with ThreadPoolExecutor(usable_cores()) as pool:
        values = pool.map(lambda job: METRICS[job[1]](truth, predictions[job[0]]), jobs)
        found: dict[str, dict[str, PerFrame]] = {method: {} for method in predictions}
        for (method, metric), measured in zip(jobs, values, strict=True):
            found[method][metric] = measured
    if "cross_entropy" in metrics:  # no prediction of gray values comes below
        found[ENTROPY_BOUND] = {"cross_entropy": METRICS["cross_entropy"](truth, truth)}
    return found


def _of_baseline(
    baseline: Baseline, clips: NDArray, context_frames: int, history: History
) -> NDArray:
    """Predict or reconstruct with a baseline, under teacher forcing one frame at a time."""
    if history in (History.FREE_RUNNING, History.RECONSTRUCTED):
        frames = true_frames(clips, context_frames, history).shape[1]
        return baseline(clips[:, :context_frames], frames)
    ends = range(context_frames, clips.shape[1])
    return np.concatenate([baseline(clips[:, :end], 1) for end in ends], axis=1)


def known_metrics(metrics: Sequence[str]) -> list[str]:
    """Drop repeated names of metrics; raises ValueError for a name that is not in METRICS."""
    names = list(dict.fromkeys(metrics))
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        got = ", ".join(unknown) or "none"
        raise ValueError(f"metrics: expected names out of {', '.join(METRICS)}, got {got}")
    return names


def check_clips(clips: NDArray, total_frames: int, frame_shape: tuple[int, ...] | None) -> None:
    """Raise DataError for clips of another length or frame size than the clips before them."""
    check_shape("clips", clips.shape, "B T H W C")
    if clips.shape[1] != total_frames:
        raise DataError(
            f"evaluation: expected sequences of {total_frames} frames (context and predicted), got "
            f"{clips.shape[1]}; data.context_frames and data.predict_frames must be the data's"
        )
    if frame_shape is not None and clips.shape[2:] != frame_shape:
        raise DataError(
            f"evaluation: expected frames of {describe(frame_shape)} like those before, got "
            f"{describe(clips.shape[2:])}"
        )


def _checked_prediction(prediction: ArrayLike, expected: tuple[int, ...], done: int) -> NDArray:
    """Return the prediction as an array after checking its shape and that it is finite."""
    prediction = np.asarray(prediction)
    if prediction.shape != expected:
        raise ValueError(
            f"prediction: expected {describe(expected)}, got {describe(prediction.shape)}"
        )
    broken = ~np.isfinite(prediction).all(axis=(1, 2, 3, 4))
    if broken.any():
        raise TrainingError(
            f"evaluation: the network predicts NaN or infinity from sequence "
            f"{done + int(np.argmax(broken))} on; its weights cannot be used: evaluate another "
            f"checkpoint, or train again with a lower learning rate"
        )
    return prediction
