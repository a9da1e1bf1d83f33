"""Moving MNIST as the program of Srivastava et al. 2015 (arXiv:1502.04681) makes it.

The law of the released generator and of the released test file: a digit starts anywhere in its
free way, [0, 1) per axis, and moves at unit speed times `step_length` in a random direction; it
takes one step before every frame, the first included; at a wall the position is clamped and that
axis' velocity negated (no mirroring); the pixel is the position times (frame - digit), truncated;
digits overlap by their elementwise maximum. Digits come in order from a shuffled list that is
shuffled anew when it is used up. Only the random numbers themselves are ours (`tfvp.data.order`).

`motion: shi` is the law of Shi et al. 2015 (arXiv:1506.04214) as its authors released it: a digit's
centre starts anywhere where the digit is inside the frame, the first frame shows it there, the
speed is drawn from 3-5 px a frame, and walls mirror the path; the pixel is the centre less half a
digit, truncated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfvp.data import order
from tfvp.data.base import Dataset, DatasetContents, DatasetPlan, Report
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.digits import MNIST_CITATION, MNIST_TERMS, Digits, find_digits
from tfvp.data.moving_mnist.motion import boxes, composite, mirrored, positions
from tfvp.data.moving_mnist.released import ReleasedClips, read_released
from tfvp.data.raw_folder import NoRawData, raw_root
from tfvp.data.records import ClipSource
from tfvp.errors import DataError
from tfvp.sections import SPLITS

GENERATOR_VERSION = 1  # raised whenever the same settings would give other bytes
_MOVED = {"srivastava": "", "shi": " as Shi et al. move it"}  # in titles
SHI_SPEED_PX = (3.0, 5.0)  # pixels per frame
CITATION = (
    "N. Srivastava, E. Mansimov, R. Salakhutdinov: Unsupervised learning of video representations "
    "using LSTMs, ICML 2015"
)


@dataclass(frozen=True)
class MovingMnistClips:
    """The clips of one split, each a pure function of seed, split and the clip's number."""

    name: str  # of the split's digits, e.g. "mnist/train"
    images: np.ndarray  # uint8 (N, px, px)
    numbers: Sequence[int] | np.ndarray  # of the images in the file that they came from, (N,)
    split: str
    seed: int
    digit_count: int
    frames: int
    frame_px: tuple[int, int]
    motion: str  # "srivastava" or "shi"
    step_length: float  # of Srivastava's law
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
        drawn = order.uniform(self.seed, "motion", counters, 4 * self.digit_count)
        y, x, turn, pace = drawn.reshape(4, self.digit_count)
        start = np.stack([y, x], axis=-1)
        angle = 2 * np.pi * turn
        direction = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        digit_px = self.images.shape[1]
        if self.motion == "shi":
            free_px = np.asarray(self.frame_px) - digit_px
            low, high = SHI_SPEED_PX
            speed = (low + (high - low) * pace)[:, None]
            return mirrored(start * free_px, speed * direction, self.frames, free_px).astype(int)
        places = positions(start, self.step_length * direction, self.frames)
        return boxes(places, self.frame_px, digit_px)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return clip `index`, uint8 (T, H, W, 1); raises IndexError when there is none."""
        if index < 0 or (self.count is not None and index >= self.count):
            raise IndexError(f"{self.split}: clip {index} of {self.count}")
        images = self.images[self.digit_indices(index)]
        return composite(images, self.corners(index), self.frame_px)[..., None]

    def source(self, index: int) -> str:
        """Name the digits of clip `index`, e.g. "mnist/train 5+41238", counted as in their file."""
        return f"{self.name} " + "+".join(str(self.numbers[i]) for i in self.digit_indices(index))


def clips(
    config: MovingMnistData, digits: Digits, split: str, count: int | None
) -> MovingMnistClips:
    """Return `count` clips of a split, or endlessly many (None), which begin the same."""
    if split not in digits.splits:
        raise DataError(
            f"data.{split}_sequences: {digits.title} in {digits.origin} has no {split} images; add "
            f"them, or set data.train_sequences and data.validation_sequences to 0"
        )
    chosen = digits.splits[split]
    return MovingMnistClips(
        name=f"{digits.source}/{split}",
        images=chosen.scaled(config.digit_px)[: config.digit_subset],
        numbers=chosen.numbers[: config.digit_subset],
        split=split,
        seed=config.seed,
        digit_count=config.digit_count,
        frames=config.total_frames,
        frame_px=config.frame_px,
        motion=config.motion,
        step_length=config.step_length,
        count=count,
    )


class MovingMnistDataset(Dataset[MovingMnistData]):
    """Moving MNIST with the settings of a configuration."""

    def wanted_settings(self) -> dict[str, Any]:
        """Return the settings that decide the bytes, as far as the configuration knows them."""
        config = self.config
        return {
            "generator_version": GENERATOR_VERSION,
            "digit_count": config.digit_count,
            "digit_px": config.digit_px,
            "frame_px": list(config.frame_px),
            "motion": config.motion,
            "step_length": config.step_length,
            "without_digits": config.without_digits,
            "frames": config.total_frames,
            "sequences": config.counts,
            "files": config.files,
            "seed": config.seed,
            **({"digit_subset": config.digit_subset} if config.digit_subset else {}),
        }

    def plan(self, report: Report) -> DatasetPlan:
        """Find the digits, which is all the reading there is.

        Raises:
            DataError: as `find_digits` and `read_released`.
        """
        contents = _contents(self.config, self.wanted_settings(), report)
        return DatasetPlan(contents.settings, lambda console: contents)

    def match_score(self, settings: Mapping[str, Any]) -> int | None:
        """Say how well prepared data match; with `digits: auto` MNIST is 0, its stand-in -1."""
        config = self.config
        if super().match_score(settings) is None:
            return None
        if settings.get("digit_subset") != config.digit_subset:
            return None
        if set(config.files) == set(config.counts):  # nothing was drawn
            return 0
        sources = ("mnist", "sklearn") if config.digits == "auto" else (config.digits,)
        drawn = settings.get("digits")
        return -sources.index(drawn) if drawn in sources else None

    def endless_clips(self, settings: Mapping[str, Any], report: Report) -> MovingMnistClips:
        """Return endless training clips from the digits that prepared data were made from.

        They begin with the clips of the prepared train split, in their order.

        Raises:
            DataError: those digits are not found again.
        """
        config = self.config
        digits = find_digits(settings["digits"], config.root, report, config.without_digits)
        if digits.sha256 != settings["digits_sha256"]:
            raise DataError(
                "data.train_source: generated needs the digits that the data were prepared from, "
                f"but {digits.origin} has others; prepare again or set data.train_source: records"
            )
        return clips(config, digits, "train", None)


def _contents(config: MovingMnistData, settings: dict[str, Any], report: Report) -> DatasetContents:
    released = {split: _released(config, split, name) for split, name in config.files.items()}
    splits: dict[str, ClipSource] = {**released}
    files = {split: clips_of.sha256 for split, clips_of in released.items()}
    settings = {**settings, "files_sha256": files}
    facts = {
        "title": "Moving MNIST as released",
        "digits_source": "released files",
        "comparable": True,
        "label": "",
        "counts": config.counts,
        "files": config.files,
        "seed": config.seed,
        "terms": MNIST_TERMS,
        "citation": [CITATION, MNIST_CITATION],
    }
    generated = [split for split in config.counts if split not in config.files]
    if generated:
        digits = find_digits(config.digits, config.root, report, config.without_digits)
        settings |= {"digits": digits.source, "digits_sha256": digits.sha256}
        facts |= {
            "title": f"Moving MNIST{_MOVED[config.motion]} with {digits.title}",
            "digits": digits.title,
            "digits_source": digits.source,
            "comparable": not digits.label,
            "label": digits.label,
            "terms": digits.terms,
            "citation": [CITATION, digits.citation],
        }
        for split in generated:
            splits[split] = clips(config, digits, split, config.counts[split])
    return DatasetContents(settings, facts, {split: splits[split] for split in config.counts})


def _released(config: MovingMnistData, split: str, name: str) -> ReleasedClips:
    place = raw_root(config.root)
    if place is None and not Path(name).is_absolute():
        raise NoRawData(
            f"data.{split}_file: {name} is looked for in <data.root>/moving_mnist; set data.root "
            "or TFVP_DATA"
        )
    path = (place or Path()) / "moving_mnist" / name
    return read_released(path, (config.total_frames, *config.frame_px, 1), config.counts[split])


DATASET = MovingMnistDataset
