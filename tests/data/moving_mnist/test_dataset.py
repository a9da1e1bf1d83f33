"""The motion law by hand and by a plain loop, compositing, and each clip by its number alone."""

import math
import zlib

import numpy as np
import pytest

from tfvp.data import order
from tfvp.data.moving_mnist import dataset as moving_mnist
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.dataset import MovingMnistClips, MovingMnistDataset, clips
from tfvp.data.moving_mnist.digits import Digits, DigitSplit, find_digits
from tfvp.data.moving_mnist.motion import boxes, composite, mirrored, positions
from tfvp.sections import SPLITS


def random_digits(count: int, px: int) -> np.ndarray:
    """Squares of noise that NumPy's version cannot change."""
    noise = order.words(1, "motion", (99,), count * px * px)
    return (noise >> np.uint64(56)).astype(np.uint8).reshape(count, px, px)


def some_clips(**changes) -> MovingMnistClips:
    settings = {
        "name": "digits/train",
        "images": random_digits(6, 12),
        "numbers": range(100, 106),
        "split": "train",
        "seed": 0,
        "digit_count": 2,
        "frames": 20,
        "frame_px": (32, 32),
        "motion": "srivastava",
        "step_length": 0.1,
        "count": None,
    }
    return MovingMnistClips(**{**settings, **changes})


# --- motion --------------------------------------------------------------------------------------


def test_bounce_at_one_and_at_zero_by_hand():
    start, velocity = np.array([0.85, 0.15]), np.array([0.1, -0.1])
    # y: .95, 1.05 -> 1 and back: .9, .8    x: .05, -.05 -> 0 and back: .1, .2
    places = positions(start, velocity, 4)
    np.testing.assert_allclose(places, [[0.95, 0.05], [1, 0], [0.9, 0.1], [0.8, 0.2]])
    # 36 free pixels: 34.2, 36, 32.4, 28.8 and 1.8, 0, 3.6, 7.2, truncated
    expected = [[34, 1], [36, 0], [32, 3], [28, 7]]
    assert boxes(places, (64, 64), 28).tolist() == expected
    # 12 rows and 36 columns are free
    assert boxes(places, (40, 64), 28).tolist() == [[11, 1], [12, 0], [10, 3], [9, 7]]


def test_touching_a_wall_exactly_turns_round():
    assert positions(np.array([0.25]), np.array([-0.25]), 2).ravel().tolist() == [0, 0.25]
    assert positions(np.array([0.75]), np.array([0.25]), 2).ravel().tolist() == [1, 0.75]


def loop_law(y: float, x: float, turn: float, *, frames, free, step_length) -> list[list[int]]:
    """Srivastava's program for one digit, number by number."""
    angle = turn * 2 * math.pi
    v_y, v_x = math.sin(angle), math.cos(angle)
    path = []
    for _ in range(frames):
        y += v_y * step_length
        x += v_x * step_length
        if y <= 0:
            y, v_y = 0.0, -v_y
        if y >= 1:
            y, v_y = 1.0, -v_y
        if x <= 0:
            x, v_x = 0.0, -v_x
        if x >= 1:
            x, v_x = 1.0, -v_x
        path.append([int(free[0] * y), int(free[1] * x)])
    return path


@pytest.mark.parametrize(
    ("frame_px", "digit_count", "step"), [((32, 32), 2, 0.1), ((24, 40), 3, 0.37)]
)
def test_corners_follow_the_loop(frame_px, digit_count, step):
    made = some_clips(frame_px=frame_px, digit_count=digit_count, step_length=step, seed=11)
    free = (frame_px[0] - 12, frame_px[1] - 12)
    for index in range(50):
        drawn = order.uniform(11, "motion", (0, index), 3 * digit_count).reshape(3, digit_count)
        expected = [
            loop_law(y, x, turn, frames=20, free=free, step_length=step) for y, x, turn in drawn.T
        ]
        assert made.corners(index).tolist() == np.swapaxes(expected, 0, 1).tolist()


def test_starts_and_angles_cover_their_ranges():
    made = some_clips(frames=1, step_length=1e-9, frame_px=(112, 112))
    corners = np.concatenate([made.corners(i)[0] for i in range(1500)])
    share = np.histogram(corners, bins=10, range=(0, 100))[0] / corners.size
    assert np.abs(share - 0.1).max() < 0.025  # 6,000 numbers: four standard errors are 0.015


# --- drawing -------------------------------------------------------------------------------------


def test_overlap_keeps_the_brighter_pixel():
    images = np.array([[[9, 1], [5, 5]], [[2, 7], [6, 4]]], np.uint8)
    corners = np.array([[[0, 0], [0, 1]], [[1, 1], [1, 1]]])
    frames = composite(images, corners, (3, 4))
    assert frames.tolist() == [
        [[9, 2, 7, 0], [5, 6, 4, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 9, 7, 0], [0, 6, 5, 0]],
    ]


def test_a_clip_is_its_digits_at_their_corners_in_frames_that_are_not_square():
    made = some_clips(frame_px=(20, 36), digit_count=3)
    clip, corners, chosen = made[4], made.corners(4), made.digit_indices(4)
    assert clip.shape == made.shape == (20, 20, 36, 1)
    assert clip.dtype == np.uint8
    for frame, places in zip(clip[..., 0], corners, strict=True):
        drawn = np.zeros((20, 36), np.uint8)
        for digit, (top, left) in zip(chosen, places, strict=True):
            for row in range(12):
                for column in range(12):
                    old = drawn[top + row, left + column]
                    drawn[top + row, left + column] = max(old, made.images[digit, row, column])
        np.testing.assert_array_equal(frame, drawn)


# --- which clip is which -------------------------------------------------------------------------


def test_a_clip_depends_on_its_number_alone():
    forward = [some_clips()[i] for i in range(5)]
    alone = some_clips(count=4)[3]
    np.testing.assert_array_equal(alone, forward[3])
    np.testing.assert_array_equal([some_clips()[i] for i in (4, 0)], [forward[4], forward[0]])


def test_seed_split_and_number_make_other_clips():
    made = [some_clips()[0], some_clips(seed=1)[0], some_clips(split="test")[0], some_clips()[1]]
    assert len({clip.tobytes() for clip in made}) == 4
    paths = [some_clips(split=split).corners(0).tobytes() for split in SPLITS]
    assert len(set(paths)) == 3


def test_every_digit_is_shown_before_one_comes_again():
    shown = np.concatenate([some_clips().digit_indices(i) for i in range(6)])
    assert sorted(shown[:6]) == sorted(shown[6:]) == list(range(6))
    assert shown[:6].tolist() != shown[6:].tolist()


def test_source_names_the_digits_as_in_their_file():
    made = some_clips()
    first, second = made.digit_indices(2) + 100
    assert made.source(2) == f"digits/train {first}+{second}"


def test_a_finite_set_ends():
    with pytest.raises(IndexError, match="clip 3 of 3"):
        some_clips(count=3)[3]


def test_settings_reach_the_clips():
    split = DigitSplit(random_digits(5, 28), range(7, 12))
    digits = Digits("mnist", "", "", "", "", "", "", {"test": split})
    config = MovingMnistData(
        digit_count=3, digit_px=14, frame_px=(30, 40), seed=5, predict_frames=7
    )
    made = moving_mnist.clips(config, digits, "test", 9)
    assert made.shape == (17, 30, 40, 1)
    assert made.images.shape == (5, 14, 14)
    assert (made.name, made.numbers[0], made.split) == ("mnist/test", 7, "test")
    assert (made.seed, made.digit_count, made.step_length, made.count) == (5, 3, 0.1, 9)


def test_the_same_settings_give_the_same_bytes_for_ever():
    crc = zlib.crc32(b"".join(some_clips()[i].tobytes() for i in range(10)))
    assert crc == PINNED, "data that users have prepared would change: raise GENERATOR_VERSION"


PINNED = 718565555


# --- the law of Shi et al. ---


def loop_mirror(p: float, v: float, frames: int, wall: float) -> list[float]:
    """The released program for one axis: the first frame at the start, 2 wall - p beyond it."""
    path = []
    for _ in range(frames):
        path.append(p)
        p += v
        while not 0 <= p <= wall:
            p, v = (-p if p < 0 else 2 * wall - p), -v
    return path


def test_mirroring_by_hand():
    # y: 34, 37 -> 35, 32    x: 1, -2 -> 2, 5
    path = mirrored(np.array([34.0, 1.0]), np.array([3.0, -3.0]), 3, np.array([36, 36]))
    np.testing.assert_allclose(path, [[34, 1], [35, 2], [32, 5]])


def test_mirroring_follows_the_loop():
    drawn = order.uniform(4, "motion", (7,), 40)
    for start, velocity in drawn.reshape(20, 2):
        free = np.array([36, 5])
        place, pace = start * free, np.array([1, -1]) * 10 * (velocity - 0.5)
        path = mirrored(place, pace, 30, free)
        for axis in (0, 1):
            expected = loop_mirror(place[axis], pace[axis], 30, free[axis])
            np.testing.assert_allclose(path[:, axis], expected, atol=1e-9)


def test_shis_clips_start_where_they_are_drawn_at_3_to_5_px_a_frame():
    made = some_clips(motion="shi", frames=2, frame_px=(40, 64), digit_count=1)
    drawn = np.stack([order.uniform(0, "motion", (0, i), 4) for i in range(300)])
    corners = np.stack([made.corners(i) for i in range(300)])[:, :, 0]
    np.testing.assert_array_equal(corners[:, 0], (drawn[:, :2] * [28, 52]).astype(int))
    turn, speed = 2 * np.pi * drawn[:, 2], 3 + 2 * drawn[:, 3]
    far = (corners[:, 0] > 6).all(axis=1) & (corners[:, 0] < [21, 45]).all(axis=1)
    assert far.sum() > 50  # no wall within reach
    step = speed[:, None] * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    expected = (drawn[:, :2] * [28, 52] + step).astype(int)
    np.testing.assert_array_equal(corners[far, 1], expected[far])


def test_a_subset_is_the_first_digits_of_each_split():
    """Of scikit-learn's digits training has 0-1,199, validation 1,200-1,499; 7 of each stay."""
    digits = find_digits("sklearn", None, print)
    config = MovingMnistData(digit_subset=7)
    for split, first in (("train", 0), ("validation", 1_200), ("test", 1_500)):
        made = clips(config, digits, split, 40)
        shown = {int(n) for i in range(40) for n in made.source(i).split(" ")[1].split("+")}
        assert shown == set(range(first, first + 7))
    whole = prepared_settings(MovingMnistData())
    subset = prepared_settings(config)
    assert MovingMnistDataset(MovingMnistData()).match_score(whole) == 0
    assert MovingMnistDataset(config).match_score(whole) is None
    assert MovingMnistDataset(MovingMnistData()).match_score(subset) is None


def prepared_settings(config: MovingMnistData) -> dict:
    return {**MovingMnistDataset(config).wanted_settings(), "digits": "mnist"}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_one_to_four_digits(count):
    made = some_clips(digit_count=count, frame_px=(64, 64))
    shown = made.digit_indices(3)
    assert len(set(shown)) == count
    drawn = np.zeros((20, 64, 64), np.uint8)
    for digit, (number, path) in enumerate(zip(shown, made.corners(3).swapaxes(0, 1), strict=True)):
        assert made.source(3).split(" ")[1].split("+")[digit] == str(100 + number)
        for frame, (y, x) in enumerate(path):
            window = drawn[frame, y : y + 12, x : x + 12]
            window[:] = np.maximum(window, made.images[number])
    np.testing.assert_array_equal(made[3][..., 0], drawn)
