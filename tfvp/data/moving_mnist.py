"""Moving MNIST after the program of Srivastava et al. 2015 (arXiv:1502.04681), any clip by number.

The law of the released generator and of the released test file: a digit starts anywhere in its
free way, [0, 1) per axis, and moves at unit speed times `step_length` in a random direction; it
takes one step before every frame, the first included; at a wall the position is clamped and that
axis' velocity negated (no mirroring); the pixel is the position times (frame - digit), truncated;
digits overlap by their elementwise maximum. Digits come in order from a shuffled list that is
shuffled anew when it is used up. Only the random numbers themselves are ours (`tfvp.data.order`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tfvp.config import SPLITS, MovingMnistData
from tfvp.data import order
from tfvp.data.digits import Digits, find_digits
from tfvp.data.shards import Draft, Recipe
from tfvp.errors import DataError

GENERATOR_VERSION = 1  # raised whenever the same settings would give other bytes
CITATION = (
    "N. Srivastava, E. Mansimov, R. Salakhutdinov: Unsupervised learning of video representations "
    "using LSTMs, ICML 2015"
)


def positions(start: np.ndarray, velocity: np.ndarray, frames: int) -> np.ndarray:
    """Move points for `frames` steps, the first step before the first frame.

    Args:
        start: places in the free way, (…), in [0, 1).
        velocity: share of the free way per frame, (…), below 1.
        frames: how many frames.

    Returns:
        (frames, …) in [0, 1].
    """
    path = np.empty((frames, *np.shape(start)))
    place = np.asarray(start)
    for frame in range(frames):
        place = place + velocity
        velocity = np.where((place <= 0) | (place >= 1), -velocity, velocity)
        place = np.minimum(np.maximum(place, 0), 1)
        path[frame] = place
    return path


def boxes(places: np.ndarray, frame_px: Sequence[int], digit_px: int) -> np.ndarray:
    """Turn places (…, 2) in [0, 1], y before x, into top left pixels, int64 (…, 2): truncated."""
    return (places * (np.asarray(frame_px) - digit_px)).astype(np.int64)


def composite(images: np.ndarray, corners: np.ndarray, frame_px: Sequence[int]) -> np.ndarray:
    """Paste digits into black frames; where they overlap the brighter pixel stays.

    Args:
        images: the digits, uint8 (digits, px, px).
        corners: top left pixel of each in each frame, int (T, digits, 2), y before x.
        frame_px: height and width of a frame.

    Returns:
        uint8 (T, H, W).
    """
    frames = np.zeros((len(corners), *frame_px), np.uint8)
    windows = sliding_window_view(frames, images.shape[1:], axis=(1, 2), writeable=True)  # type: ignore[call-overload]
    every_frame = np.arange(len(corners))
    for image, corner in zip(images, corners.swapaxes(0, 1), strict=True):
        at = (every_frame, corner[:, 0], corner[:, 1])
        windows[at] = np.maximum(windows[at], image)
    return frames


@dataclass(frozen=True)
class MovingMnistClips:
    """The clips of one split, each a pure function of (seed, split, index)."""

    name: str  # of the split's digits, e.g. "mnist/train"
    images: np.ndarray  # uint8 (N, px, px)
    first: int  # number of images[0] in the file that it came from
    split: str
    seed: int
    digit_count: int
    frames: int
    frame_px: tuple[int, int]
    step_length: float
    count: int | None  # None: endless

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, C) of every clip."""
        return (self.frames, *self.frame_px, 1)

    def digit_indices(self, index: int) -> np.ndarray:
        """Return which of the split's digits clip `index` shows, int64 (digit_count,)."""
        drawn = range(index * self.digit_count, (index + 1) * self.digit_count)
        total, split = len(self.images), SPLITS.index(self.split)
        return np.array(
            [
                order.shuffled(self.seed, "digit order", (split, n // total), total)[n % total]
                for n in drawn
            ]
        )

    def corners(self, index: int) -> np.ndarray:
        """Return the digits' top left pixels in clip `index`, int64 (T, digit_count, 2)."""
        counters = (SPLITS.index(self.split), index)
        drawn = order.uniform(self.seed, "motion", counters, 3 * self.digit_count)
        y, x, turn = drawn.reshape(3, self.digit_count)
        angle = 2 * np.pi * turn
        velocity = self.step_length * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        places = positions(np.stack([y, x], axis=-1), velocity, self.frames)
        return boxes(places, self.frame_px, self.images.shape[1])

    def __getitem__(self, index: int) -> np.ndarray:
        """Return clip `index`, uint8 (T, H, W, 1); raises IndexError when there is none."""
        if index < 0 or (self.count is not None and index >= self.count):
            raise IndexError(f"{self.split}: clip {index} of {self.count}")
        images = self.images[self.digit_indices(index)]
        return composite(images, self.corners(index), self.frame_px)[..., None]

    def source(self, index: int) -> str:
        """Name the digits of clip `index`, e.g. "mnist/train 5+41238", counted as in their file."""
        return f"{self.name} " + "+".join(str(self.first + i) for i in self.digit_indices(index))


def clips(
    config: MovingMnistData, digits: Digits, split: str, count: int | None
) -> MovingMnistClips:
    """Return `count` clips of a split, or endlessly many (None), which begin the same."""
    chosen = digits.splits[split]
    return MovingMnistClips(
        name=f"{digits.source}/{split}",
        images=chosen.scaled(config.digit_px),
        first=chosen.first,
        split=split,
        seed=config.seed,
        digit_count=config.digit_count,
        frames=config.total_frames,
        frame_px=config.frame_px,
        step_length=config.step_length,
        count=count,
    )


def draft(config: MovingMnistData, report: Callable[[str], None]) -> Draft:
    """Return the recipe as a draft: finding the digits is all the reading there is."""
    whole = recipe(config, report)
    return Draft(whole.settings, lambda: whole)


def recipe(config: MovingMnistData, report: Callable[[str], None]) -> Recipe:
    """Find the digits and say what is to be prepared; raises DataError as `find_digits`."""
    digits = find_digits(config.digits, config.root, report)
    counts = {split: config.sequences(split) for split in SPLITS}
    facts = {
        "title": f"Moving MNIST with {digits.title}",
        "digits": digits.title,
        "digits_source": digits.source,
        "comparable": not digits.label,
        "label": digits.label,
        "counts": counts,
        "seed": config.seed,
        "terms": digits.terms,
        "citation": [CITATION, digits.citation],
    }
    return Recipe(
        dataset=config.dataset,
        settings={**wanted(config), "digits": digits.source, "digits_sha256": digits.sha256},
        facts=facts,
        sources={split: clips(config, digits, split, count) for split, count in counts.items()},
    )


def wanted(config: MovingMnistData) -> dict[str, Any]:
    """Return the settings that decide the bytes, as far as the configuration knows them."""
    return {
        "generator_version": GENERATOR_VERSION,
        "digit_count": config.digit_count,
        "digit_px": config.digit_px,
        "frame_px": list(config.frame_px),
        "step_length": config.step_length,
        "frames": config.total_frames,
        "sequences": {split: config.sequences(split) for split in SPLITS},
        "seed": config.seed,
    }


def rank(config: MovingMnistData, settings: Mapping[str, Any]) -> int | None:
    """Say how well prepared settings serve a configuration: 0 best, None not at all.

    With `digits: auto` MNIST serves better than its stand-in.
    """
    sources = ("mnist", "sklearn") if config.digits == "auto" else (config.digits,)
    if wanted(config).items() <= settings.items() and settings.get("digits") in sources:
        return sources.index(settings["digits"])
    return None


def endless(
    config: MovingMnistData, settings: Mapping[str, Any], report: Callable[[str], None]
) -> MovingMnistClips:
    """Return endless training clips from the digits that prepared data were made from.

    They begin with the clips of the prepared train split, in their order.

    Raises:
        DataError: those digits are not found again.
    """
    digits = find_digits(settings["digits"], config.root, report)
    if digits.sha256 != settings["digits_sha256"]:
        raise DataError(
            f"data.train_source: generated needs the digits that the data were prepared from, but "
            f"{digits.origin} has others; prepare again or set data.train_source: records"
        )
    return clips(config, digits, "train", None)
