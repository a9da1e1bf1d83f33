"""Batches for training and evaluation: one logic in NumPy, which the one tf.data pipeline wraps."""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from tfvp.data import order
from tfvp.data.records import ClipSource
from tfvp.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

PARALLEL_BATCHES = 2  # made at once; they come out in order
PREFETCHED_BATCHES = 2


class Batch(TypedDict):
    """What one update sees."""

    frames: np.ndarray  # float32 (B, T, H, W, C) in [0, 1]
    use_truth: np.ndarray  # float32 (B, predicted frames - 1), 1: feed the true frame


def to_float(frames: np.ndarray) -> np.ndarray:
    """Turn uint8 frames of any shape into float32 in [0, 1]: value / 255."""
    return np.divide(frames, np.float32(255), dtype=np.float32)


def training_batch(
    source: ClipSource,
    step: int,
    *,
    batch: int,
    seed: int,
    sampling: Callable[[int], float] | None,
    context_frames: int,
) -> Batch:
    """Return the global batch of update `step`, a pure function of its arguments.

    Args:
        source: clips, finite (in a new order every epoch) or endless (one after the other).
        step: the update, 1-based.
        batch: clips in the global batch.
        seed: of order and masks.
        sampling: gives a step's probability of feeding the true frame; None: never feed it.
        context_frames: frames that the network is given; the others are predicted.

    Raises:
        DataError: a record is damaged; names shard and record.
    """
    indices = order.batch_indices(seed, step, batch, source.count)
    clips = np.stack([source[int(index)] for index in indices])
    fed = _fed_frames(source, context_frames)
    probability = sampling(step) if sampling else 0.0
    mask = order.truth_mask(seed, step, range(batch), fed, probability)
    return Batch(frames=to_float(clips), use_truth=mask)


def numpy_training_batches(
    source: ClipSource,
    *,
    batch: int,
    seed: int,
    sampling: Callable[[int], float] | None,
    context_frames: int,
    start_step: int = 1,
) -> Iterator[Batch]:
    """Yield the batches of updates start_step, start_step + 1, … endlessly, without TensorFlow."""
    for step in itertools.count(start_step):
        yield training_batch(
            source,
            step,
            batch=batch,
            seed=seed,
            sampling=sampling,
            context_frames=context_frames,
        )


def training_batches(
    source: ClipSource,
    *,
    batch: int,
    seed: int,
    sampling: Callable[[int], float] | None,
    context_frames: int,
    start_step: int = 1,
) -> "tf.data.Dataset":
    """Return the batches of numpy_training_batches as an endless, prefetching tf.data pipeline.

    A damaged record stops it with TensorFlow's error; `data_errors` turns that into a DataError.
    """
    import tensorflow as tf

    fed = _fed_frames(source, context_frames)

    def load(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        made = training_batch(
            source,
            int(step),
            batch=batch,
            seed=seed,
            sampling=sampling,
            context_frames=context_frames,
        )
        return made["frames"], made["use_truth"]

    def element(step: tf.Tensor) -> dict[str, tf.Tensor]:
        frames, mask = tf.numpy_function(load, [step], [tf.float32, tf.float32])
        return {
            "frames": tf.ensure_shape(frames, (batch, *source.shape)),
            "use_truth": tf.ensure_shape(mask, (batch, fed)),
        }

    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    return steps.map(element, PARALLEL_BATCHES, deterministic=True).prefetch(PREFETCHED_BATCHES)


def evaluation_spans(source: ClipSource, *, batch: int, count: int | None) -> list[range]:
    """Cut the first `count` clips (None: all) into batches; the last may be smaller.

    Raises:
        DataError: the source has fewer clips.
    """
    available = source.count
    total = available if count is None else count
    if total is None:
        raise ValueError("count: an endless source needs one")
    if available is not None and total > available:
        raise DataError(
            f"evaluation wants {total} clips and the split has {available}; lower the number, or "
            "prepare more (data.test_sequences, data.validation_sequences)"
        )
    return [range(first, min(first + batch, total)) for first in range(0, total, batch)]


def numpy_evaluation_batches(
    source: ClipSource, *, batch: int, count: int | None = None
) -> Iterator[np.ndarray]:
    """Yield the first `count` clips in order, float32 (B, T, H, W, C) in [0, 1]."""
    for span in evaluation_spans(source, batch=batch, count=count):
        yield to_float(np.stack([source[index] for index in span]))


def evaluation_batches(
    source: ClipSource, *, batch: int, count: int | None = None
) -> "tf.data.Dataset":
    """Return the same batches as numpy_evaluation_batches as a prefetching tf.data pipeline."""
    import tensorflow as tf

    spans = evaluation_spans(source, batch=batch, count=count)

    def load(number: np.ndarray) -> np.ndarray:
        return to_float(np.stack([source[index] for index in spans[int(number)]]))

    def element(number: tf.Tensor) -> tf.Tensor:
        frames = tf.numpy_function(load, [number], tf.float32)
        return tf.ensure_shape(frames, (None, *source.shape))

    numbers = tf.data.Dataset.range(len(spans))
    return numbers.map(element, PARALLEL_BATCHES, deterministic=True).prefetch(PREFETCHED_BATCHES)


@contextmanager
def data_errors() -> Iterator[None]:
    """Raise a DataError of the pipeline as itself, not in TensorFlow's wrapping.

    Put it around whatever consumes the batches, e.g. `with data_errors(): model.fit(...)`.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        inside = re.search(r"DataError: (.+)", error.message)
        if inside is None:
            raise
        raise DataError(inside.group(1)) from error


def _fed_frames(source: ClipSource, context_frames: int) -> int:
    """Return how many future frames the mask speaks of: the predicted ones but the last."""
    predicted = source.shape[0] - context_frames
    if not 0 < context_frames < source.shape[0]:
        raise ValueError(
            f"context_frames: expected 1 … {source.shape[0] - 1}, got {context_frames}"
        )
    return predicted - 1
