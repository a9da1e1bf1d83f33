"""Batches for training and evaluation: one logic in NumPy; tf.data wraps it for training."""

import itertools
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar, cast

import numpy as np

from tfvp.data import order
from tfvp.data.records import ClipSource
from tfvp.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

PARALLEL_BATCHES = 2  # made at once; they come out in order
PREFETCHED_BATCHES = 2

Made = TypeVar("Made")


# a step's probability of feeding the truth, for every frame in whose place a prediction may be fed
Sampling = Callable[[int], Sequence[float]]


class Batch(TypedDict):
    """What one update sees."""

    frames: np.ndarray  # float32 (B, T, H, W, C) in [0, 1]
    teacher_forcing_mask: np.ndarray  # float32 (B, frames that may be fed), 1: feed the true frame


def to_float(frames: np.ndarray) -> np.ndarray:
    """Turn uint8 frames of any shape into float32 in [0, 1]: value / 255."""
    return np.divide(frames, np.float32(255), dtype=np.float32)


def training_batch(
    source: ClipSource,
    step: int,
    *,
    batch: int,
    seed: int,
    sampling: Sampling,
    reverse: bool = False,
    rows: Sequence[int] | None = None,
) -> Batch:
    """Return the global batch of step `step`, or some rows of it: a pure function of its arguments.

    Args:
        source: clips, finite (in a new order every epoch) or endless (one after the other).
        step: 1-based.
        batch: clips in the global batch.
        seed: of order and masks.
        sampling: gives a step's probabilities of feeding the truth, see `Sampling`.
        reverse: the same clips with their last frame first, and the same mask.
        rows: places in the global batch; None: all.

    Raises:
        DataError: a record is damaged; names shard and record.
    """
    rows = range(batch) if rows is None else rows
    indices = order.batch_indices(seed, step, batch, source.count)
    clips = np.stack([source[int(indices[row])] for row in rows])
    probabilities = sampling(step)
    mask = order.teacher_forcing_mask(seed, step, rows, len(probabilities), probabilities)
    return Batch(frames=to_float(clips[:, ::-1] if reverse else clips), teacher_forcing_mask=mask)


def numpy_training_batches(
    source: ClipSource,
    *,
    batch: int,
    seed: int,
    sampling: Sampling,
    reverse_input: bool = False,
    start_step: int = 1,
    rows: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """Yield the batches of all updates from step `start_step` on endlessly, without TensorFlow.

    With `reverse_input` every step has two: its clips, then the same reversed in time.
    """
    settings = {"batch": batch, "seed": seed, "sampling": sampling, "rows": rows}
    for step in itertools.count(start_step):
        for reverse in (False, True)[: 1 + reverse_input]:
            yield training_batch(source, step, reverse=reverse, **settings)


def training_batches(
    source: ClipSource,
    *,
    batch: int,
    seed: int,
    sampling: Sampling,
    reverse_input: bool = False,
    start_step: int = 1,
    rows: Sequence[int] | None = None,
) -> "tf.data.Dataset":
    """Return the batches of numpy_training_batches as an endless, prefetching tf.data pipeline.

    With `rows` only these of every batch.

    A damaged record stops it with TensorFlow's error; `data_errors` turns that into a DataError.
    """
    import tensorflow as tf

    settings = {"batch": batch, "seed": seed, "sampling": sampling, "rows": rows}
    updates = 1 + reverse_input  # of a step
    clips = batch if rows is None else len(rows)

    def load(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step, reverse = divmod(int(number), updates)
        made = training_batch(source, step, reverse=bool(reverse), **settings)
        return made["frames"], made["teacher_forcing_mask"]

    def element(number: tf.Tensor) -> dict[str, tf.Tensor]:
        frames, mask = tf.numpy_function(load, [number], [tf.float32, tf.float32])
        return {
            "frames": tf.ensure_shape(frames, (clips, *source.shape)),
            "teacher_forcing_mask": tf.ensure_shape(mask, (clips, len(sampling(start_step)))),
        }

    numbers = tf.data.Dataset.range(start_step * updates, np.iinfo(np.int64).max)
    return numbers.map(element, PARALLEL_BATCHES, deterministic=True).prefetch(PREFETCHED_BATCHES)


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
) -> "Prefetched[np.ndarray]":
    """Return the batches of numpy_evaluation_batches, made ahead."""
    evaluation_spans(source, batch=batch, count=count)  # complain at once
    return Prefetched(lambda: numpy_evaluation_batches(source, batch=batch, count=count))


class Prefetched(Generic[Made]):
    """Batches in order, while a thread makes the next ones; every iteration begins anew."""

    def __init__(self, make: Callable[[], Iterator[Made]]):
        self.make = make

    def __iter__(self) -> Iterator[Made]:
        batches, end = self.make(), object()
        with ThreadPoolExecutor(1) as worker:
            ahead = deque(worker.submit(next, batches, end) for _ in range(PREFETCHED_BATCHES))
            while (batch := ahead.popleft().result()) is not end:
                ahead.append(worker.submit(next, batches, end))
                yield cast(Made, batch)


@contextmanager
def data_errors() -> Iterator[None]:
    """Raise a DataError of the pipeline as itself, not in TensorFlow's wrapping.

    Put it around whatever consumes the batches, e.g. `with data_errors(): model.fit(...)`.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None:  # nothing that could wrap it
        yield
        return
    try:
        yield
    except tf.errors.OpError as error:
        inside = re.search(r"DataError: (.+)", error.message)
        if inside is None:
            raise
        raise DataError(inside.group(1)) from error
