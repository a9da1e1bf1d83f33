"""The random numbers of data and of scheduled sampling, as pure functions of a seed and counters.

All come from the raw words of Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers:
as easy as 1, 2, 3"), with the key (seed, purpose) and the counter (block, a, b, c). There is no
state: a resumed run draws what the uninterrupted one would have drawn, and one replica and four
draw the same. Raw words are used and not `numpy.random.Generator`, whose methods may change with
NumPy's version.
"""

import functools
from collections.abc import Sequence

import numpy as np

from tfvp.errors import ConfigError

# Part of the key, so that no two uses share numbers; never renumber, prepared data depends on it.
PURPOSES = {
    "clip order": 1,
    "teacher forcing mask": 2,
    "digit order": 3,
    "motion": 4,
    "user videos": 5,
    "counted teacher forcing mask": 6,
    "augmentation": 7,
}


def words(seed: int, purpose: str, counters: Sequence[int], count: int) -> np.ndarray:
    """Draw random words, uint64 (count,), that depend on the arguments alone.

    Args:
        seed: 0 <= seed < 2**64.
        purpose: a key of PURPOSES.
        counters: up to three numbers, 0 <= number < 2**64, e.g. (step, sample).
        count: how many words; the first ones do not depend on it.

    Raises:
        ConfigError: the seed is out of range.
    """
    if not 0 <= seed < 2**64:
        raise ConfigError(f"seed: expected 0 <= seed < 2**64, got {seed}")
    if len(counters) > 3:
        raise ValueError(f"counters: expected at most 3, got {len(counters)}")
    key = np.array([seed, PURPOSES[purpose]], np.uint64)
    counter = np.zeros(4, np.uint64)
    counter[1 : 1 + len(counters)] = np.array(counters, np.uint64)
    return np.random.Philox(key=key, counter=counter).random_raw(count)


def uniform(seed: int, purpose: str, counters: Sequence[int], count: int) -> np.ndarray:
    """Draw `count` numbers, float64 (count,) in [0, 1): the upper 53 bits of each word."""
    return (words(seed, purpose, counters, count) >> np.uint64(11)) * 2.0**-53


@functools.lru_cache(maxsize=32)  # threads may be at different places
def shuffled(seed: int, purpose: str, counters: tuple[int, ...], count: int) -> np.ndarray:
    """Return a random permutation of 0 … count - 1, int64 (count,); cached, so read-only."""
    order = np.argsort(words(seed, purpose, counters, count), kind="stable")
    order.flags.writeable = False
    return order


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order in which epoch `epoch` (0-based) sees `count` clips, int64 (count,)."""
    return shuffled(seed, "clip order", (epoch,), count)


def batch_indices(seed: int, step: int, batch: int, count: int | None) -> np.ndarray:
    """Return which clips update `step` sees, int64 (batch,).

    Epochs run on seamlessly: a batch may begin in one and end in the next (or span several, when it
    is larger than the set), so no clip is dropped and every batch is full.

    Args:
        seed: the seed of the clips' order.
        step: the update, counted from 1.
        batch: clips in the global batch.
        count: clips in the set; None: an endless source, whose clips come one after the other.
    """
    if step < 1:
        raise ValueError(f"step: updates are counted from 1, got {step}")
    positions = np.arange((step - 1) * batch, step * batch)
    if count is None:
        return positions
    epochs, offsets = np.divmod(positions, count)
    return np.array(
        [epoch_order(seed, int(e), count)[o] for e, o in zip(epochs, offsets, strict=True)]
    )


def teacher_forcing_mask(
    seed: int,
    step: int,
    sample_positions: Sequence[int],
    frames: int,
    probability: float | Sequence[float],
) -> np.ndarray:
    """Draw where scheduled sampling feeds the true frame (1) and where the prediction (0).

    Each sample of the global batch has numbers of its own, whichever device computes it. (The
    released E3D-LSTM code gave every GPU the same mask.)

    Args:
        seed: the seed of the masks.
        step: the update, counted from 1.
        sample_positions: places in the global batch, (B,).
        frames: frames in whose place a prediction may be fed.
        probability: of feeding the truth, one for all or for each of them; <= 0 is never, >= 1 is
            always.

    Returns:
        float32 (B, frames) of 0 and 1.
    """
    drawn = np.empty((len(sample_positions), frames))
    for row, position in enumerate(sample_positions):
        drawn[row] = uniform(seed, "teacher forcing mask", (step, int(position)), frames)
    return (drawn < np.asarray(probability)).astype(np.float32)


def counted_teacher_forcing_mask(
    seed: int,
    step: int,
    sample_positions: Sequence[int],
    batch: int,
    probabilities: Sequence[float],
) -> np.ndarray:
    """Draw masks in which an exact number of clips of the global batch is fed the true frame.

    For every frame another draw of round(batch * probability) clips, a half to the even number. The
    draw is of the whole batch, so it is the same however the batch is spread over devices.

    Args:
        seed: the seed of the masks.
        step: the update, counted from 1.
        sample_positions: places in the global batch, (B,).
        batch: clips in the global batch.
        probabilities: in [0, 1], one for each frame in whose place a prediction may be fed.

    Returns:
        float32 (B, frames) of 0 and 1.
    """
    mask = np.zeros((batch, len(probabilities)), np.float32)
    for frame, probability in enumerate(probabilities):
        drawn = shuffled(seed, "counted teacher forcing mask", (step, frame), batch)
        mask[drawn[: round(batch * probability)], frame] = 1
    return mask[list(sample_positions)]
