"""Genuine Moving MNIST: our compositing, our motion law, and the entropy of our clips of MNIST."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tfvp.data.moving_mnist import dataset as moving_mnist
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.digits import Digits, find_digits
from tfvp.data.moving_mnist.motion import boxes, composite, positions
from tfvp.sections import SPLITS

pytestmark = pytest.mark.realdata

FREE_PX = 36  # 64 - 28


@pytest.fixture(scope="module")
def genuine() -> tuple[np.ndarray, list[dict]]:
    """Six sequences of the released test file, (T, N, 64, 64), with their digits and boxes."""
    stem = Path(os.environ["TFVP_DATA"]) / "moving_mnist" / "toronto_test_subset_6seq"
    sequences = json.loads(stem.with_suffix(".json").read_text())["sequences"]
    return np.load(stem.with_suffix(".npy"), allow_pickle=False), sequences


@pytest.fixture(scope="module")
def mnist() -> Digits:
    return find_digits("mnist", None, print)


def paths_of(sequence: dict) -> np.ndarray:
    """Top left pixels (T, 2 digits, 2)."""
    return np.stack([sequence["box_yx_digit0"], sequence["box_yx_digit1"]], axis=1)


def test_mnist_is_found_under_root_and_is_the_original(mnist):
    assert mnist.origin == str(Path(os.environ["TFVP_DATA"]) / "mnist")
    assert mnist.title == "MNIST"
    assert mnist.label == ""
    assert [len(mnist.splits[name].images) for name in SPLITS] == [55_000, 5_000, 10_000]


def test_compositing_reproduces_every_genuine_frame(genuine, mnist):
    frames, sequences = genuine
    test_digits = mnist.splits["test"].images
    for number, sequence in enumerate(sequences):
        drawn = composite(test_digits[sequence["t10k_indices"]], paths_of(sequence), (64, 64))
        np.testing.assert_array_equal(drawn, frames[:, number])
    assert frames.shape[:2] == (20, 6)


def test_every_genuine_path_is_one_of_our_law(genuine):
    """Some start and some angle, with our unit speed, give all twenty boxes of a digit exactly."""
    _, sequences = genuine
    for sequence in sequences:
        for digit in range(2):
            path = paths_of(sequence)[:, digit]
            turn, start = explain(path)
            velocity = 0.1 * np.array([np.sin(turn), np.cos(turn)])
            again = boxes(positions(start, velocity, 20), (64, 64), 28)
            np.testing.assert_array_equal(again, path)


def test_the_search_finds_no_law_in_a_path_that_breaks_it(genuine):
    path = paths_of(genuine[1][0])[:, 0].copy()
    path[10] += [2, 0]
    with pytest.raises(LookupError):
        explain(path)
    with pytest.raises(LookupError):  # the same directions at 1.1 times the speed
        explain(boxes(positions(np.array([0.2, 0.1]), np.array([0.066, 0.088]), 20), (64, 64), 28))


def explain(path: np.ndarray) -> tuple[float, np.ndarray]:
    """Search angle and start (y, x) of a path (20, 2) by trying 7,200 angles and 60 starts each.

    Raises:
        LookupError: none of them gives the path.
    """
    turns = np.linspace(0, 2 * np.pi, 7_200, endpoint=False)
    possible = [starts(path[:, axis], 0.1 * f(turns)) for axis, f in ((0, np.sin), (1, np.cos))]
    both = np.flatnonzero(np.isfinite(possible[0]) & np.isfinite(possible[1]))
    if not len(both):
        raise LookupError("no angle explains both axes")
    middle = both[len(both) // 2]
    return turns[middle], np.array([possible[0][middle], possible[1][middle]])


def starts(pixels: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Give for each velocity a start in [0, 1) that leads to `pixels` (20,), or nan."""
    # The first frame is one step from the start: within its pixel, or beyond the wall at it.
    first = (pixels[0] + np.linspace(0, 1, 60, endpoint=False) + 1e-9) / FREE_PX
    beyond = velocities[:, None] * np.array([[0.5]]) + (pixels[0] == FREE_PX)
    tried = np.concatenate([np.tile(first, (len(velocities), 1)), beyond], axis=1)
    tried = tried - velocities[:, None]
    fits = (tried >= 0) & (tried < 1)
    for frames in (4, 20):  # most are excluded after a few frames
        rows, columns = np.nonzero(fits)
        made = positions(tried[rows, columns], velocities[rows], frames) * FREE_PX
        fits[rows, columns] = (made.astype(int) == pixels[:frames, None]).all(axis=0)
    found = np.full(len(velocities), np.nan)
    rows, columns = np.nonzero(fits)
    found[rows] = tried[rows, columns]
    return found


def test_entropy_of_our_test_clips_is_that_of_the_released_test_set(mnist):
    """H(z, z) of frames 11-20 is 86.3 nats a frame (Kalchbrenner et al. 2017, arXiv:1610.00527)."""
    made = moving_mnist.clips(MovingMnistData(), mnist, "test", 1_000)
    z = np.arange(256) / 255
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = np.nan_to_num(-z * np.log(z)) + np.nan_to_num(-(1 - z) * np.log(1 - z))
    per_clip = np.array([nats[made[i][10:]].sum() / 10 for i in range(1_000)])
    standard_error = per_clip.std() / np.sqrt(len(per_clip))
    print(f"H(z, z) = {per_clip.mean():.2f} ± {standard_error:.2f} nats a frame")
    assert standard_error < 0.9
    assert abs(per_clip.mean() - 86.3) < 3 * standard_error
