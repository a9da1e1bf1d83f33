"""Batches for training and evaluation, made with NumPy; tf.data wraps those for training."""

import itertools
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
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


Change = Callable[[np.ndarray, int, int], np.ndarray]
"""Maps a training clip, uint8 (T, H, W, C), its step and its place in the global batch to the clip
that is learned from, of the same type and shape."""


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


@dataclass(frozen=True)
class TrainingBatches:
    """The batches of all updates, without end; each depends on its step and these settings alone.

    Args:
        source: clips, finite (in a new order every epoch) or endless (one after the other).
        batch: clips in the global batch.
        seed: the seed of the clips' order and of the masks.
        sampling: gives a step's probabilities of feeding the truth, see `Sampling`.
        exact_share: feed the truth to that share of the global batch exactly, instead of to each
            clip with that probability.
        change: what is done to every clip, see `Change`; None: nothing.
        reverse_input: every step has two batches, its clips, then the same reversed in time.
        rows: places in the global batch that are made; None: all.
    """

    source: ClipSource
    batch: int
    seed: int
    sampling: Sampling
    exact_share: bool = False
    change: Change | None = None
    reverse_input: bool = False
    rows: Sequence[int] | None = None

    def at(self, step: int, *, reverse: bool = False) -> Batch:
        """Return the batch of a step.

        Args:
            step: the step, counted from 1.
            reverse: the same clips with their last frame first, and the same mask.

        Raises:
            DataError: a record is damaged; names shard and record.
        """
        indices = order.batch_indices(self.seed, step, self.batch, self.source.count)
        clips = np.stack([self._clip(int(indices[row]), step, row) for row in self._places])
        return Batch(
            frames=to_float(clips[:, ::-1] if reverse else clips),
            teacher_forcing_mask=self._mask(step),
        )

    def in_numpy(self, start_step: int = 1) -> Iterator[Batch]:
        """Yield the batches from step `start_step` on, without TensorFlow."""
        for step in itertools.count(start_step):
            for reverse in (False, True)[: 1 + self.reverse_input]:
                yield self.at(step, reverse=reverse)

    def as_dataset(self, start_step: int = 1) -> "tf.data.Dataset":
        """Return the batches of `in_numpy` as an endless, prefetching tf.data pipeline.

        Its elements are dicts as `Batch`, with tensors. A damaged record stops it with an error of
        TensorFlow, which `data_errors` turns into a DataError.
        """
        import tensorflow as tf

        updates = 1 + self.reverse_input  # of a step
        fed = len(self.sampling(start_step))

        def load(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            step, reverse = divmod(int(number), updates)
            made = self.at(step, reverse=bool(reverse))
            return made["frames"], made["teacher_forcing_mask"]

        def element(number: tf.Tensor) -> dict[str, tf.Tensor]:
            frames, mask = tf.numpy_function(load, [number], [tf.float32, tf.float32])
            clips = len(self._places)
            return {
                "frames": tf.ensure_shape(frames, (clips, *self.source.shape)),
                "teacher_forcing_mask": tf.ensure_shape(mask, (clips, fed)),
            }

        numbers = tf.data.Dataset.range(start_step * updates, np.iinfo(np.int64).max)
        made = numbers.map(element, PARALLEL_BATCHES, deterministic=True)
        return made.prefetch(PREFETCHED_BATCHES)

    @property
    def _places(self) -> Sequence[int]:
        return range(self.batch) if self.rows is None else self.rows

    def _clip(self, index: int, step: int, place: int) -> np.ndarray:
        clip = self.source[index]
        return clip if self.change is None else self.change(clip, step, place)

    def _mask(self, step: int) -> np.ndarray:
        places, probabilities = self._places, self.sampling(step)
        if self.exact_share:
            return order.counted_teacher_forcing_mask(
                self.seed, step, places, self.batch, probabilities
            )
        return order.teacher_forcing_mask(
            self.seed, step, places, len(probabilities), probabilities
        )


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
