"""Batches for training and evaluation, made with NumPy; tf.data wraps those for training."""

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


Sampling = Callable[[int], Sequence[float]]
"""Maps a step to the probabilities, in [0, 1], of feeding the true frame: one for each frame in
whose place a prediction may be fed."""


class Batch(TypedDict):
    """What one update of the weights sees."""

    frames: np.ndarray  # float32 (B, T, H, W, C) in [0, 1]
    teacher_forcing_mask: np.ndarray  # float32 (B, frames that may be fed), 1: feed the true frame


def to_float(frames: np.ndarray) -> np.ndarray:
    """Turn uint8 frames of any shape into float32 in [0, 1]: value / 255.

    >>> to_float(np.array([0, 51, 255], "uint8"))
    array([0. , 0.2, 1. ], dtype=float32)
    """
    return np.divide(frames, np.float32(255), dtype=np.float32)


def training_batch(
    source: ClipSource,
    step: int,
    *,
    batch: int,
    seed: int,
    sampling: Sampling,
    exact_share: bool = False,
    reverse: bool = False,
    rows: Sequence[int] | None = None,
) -> Batch:
    """Return the global batch of a step, or some rows of it; it depends on the arguments alone.

    Args:
        source: clips, finite (in a new order every epoch) or endless (one after the other).
        step: the step, counted from 1.
        batch: clips in the global batch.
        seed: the seed of the clips' order and of the masks.
        sampling: gives a step's probabilities of feeding the truth, see `Sampling`.
        exact_share: feed the truth to that share of the global batch exactly, instead of to each
            clip with that probability.
        reverse: return the same clips with their last frame first, and the same mask.
        rows: places in the global batch; None: all.

    Raises:
        DataError: a record is damaged; names shard and record.
    """
    rows = range(batch) if rows is None else rows
    indices = order.batch_indices(seed, step, batch, source.count)
    clips = np.stack([source[int(indices[row])] for row in rows])
    probabilities = sampling(step)
    if exact_share:
        mask = order.counted_teacher_forcing_mask(seed, step, rows, batch, probabilities)
    else:
        mask = order.teacher_forcing_mask(seed, step, rows, len(probabilities), probabilities)
    return Batch(frames=to_float(clips[:, ::-1] if reverse else clips), teacher_forcing_mask=mask)


def numpy_training_batches(
    source: ClipSource,
    *,
    batch: int,
    seed: int,
    sampling: Sampling,
    exact_share: bool = False,
    reverse_input: bool = False,
    start_step: int = 1,
    rows: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """Yield the batches of all updates from step `start_step` on, without end or TensorFlow.

    With `reverse_input` every step has two: its clips, then the same reversed in time. The other
    arguments are those of `training_batch`.
    """
    settings = {"batch": batch, "seed": seed, "sampling": sampling, "exact_share": exact_share}
    settings["rows"] = rows
    for step in itertools.count(start_step):
        for reverse in (False, True)[: 1 + reverse_input]:
            yield training_batch(source, step, reverse=reverse, **settings)


def training_batches(
    source: ClipSource,
    *,
    batch: int,
    seed: int,
    sampling: Sampling,
    exact_share: bool = False,
    reverse_input: bool = False,
    start_step: int = 1,
    rows: Sequence[int] | None = None,
) -> "tf.data.Dataset":
    """Return the batches of numpy_training_batches as an endless, prefetching tf.data pipeline.

    Its elements are dicts as `Batch`, with tensors. A damaged record stops it with an error of
    TensorFlow, which `data_errors` turns into a DataError.
    """
    import tensorflow as tf

    settings = {"batch": batch, "seed": seed, "sampling": sampling, "exact_share": exact_share}
    settings["rows"] = rows
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
            "prepare more"
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
    """Return the batches of numpy_evaluation_batches, which a thread makes ahead.

    Raises:
        DataError: the source has fewer clips.
    """
    evaluation_spans(
        source, batch=batch, count=count
    )  # an error comes here, not in the first batch
    return Prefetched(lambda: numpy_evaluation_batches(source, batch=batch, count=count))


class Prefetched(Generic[Made]):
    """Yields batches in order while a thread makes the next ones; every iteration begins anew."""

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
    """Raise a DataError of the pipeline as itself, unwrapped from TensorFlow's error.

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
