"""KITTI raw (Geiger et al. 2013): clips are windows of drives, scaled and cropped as PredNet's."""

import bisect
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfvp.data import windows
from tfvp.data.base import Dataset, DatasetContents, DatasetPlan, Report
from tfvp.data.kitti.config import KittiData
from tfvp.data.kitti.images import scaled_crop
from tfvp.data.raw_folder import NoRawData, raw_folder
from tfvp.errors import DataError
from tfvp.sections import SPLITS

READER_VERSION = 1  # raised whenever the same settings would give other bytes
ADVICE = (
    "KITTI's raw data come from https://www.cvlibs.net/datasets/kitti/raw_data.php (synced and "
    "rectified); read are PNG files in <data.root>/kitti/…/DRIVE/image_02/data, DRIVE/image_02 or "
    "DRIVE itself"
)
TERMS = "CC BY-NC-SA 3.0"
CITATION = (
    "A. Geiger, P. Lenz, C. Stiller, R. Urtasun: Vision meets robotics: the KITTI dataset, "
    "International Journal of Robotics Research 32(11), 2013"
)
CAMERAS = {"image_02": "left camera", "image_03": "right camera"}


@dataclass(frozen=True)
class Drive:
    """One drive's images, in order."""

    name: str  # of its folder
    images: tuple[Path, ...]
    numbers: tuple[int, ...]  # as the files' names say, ascending

    def before(self, last: int) -> "Drive":
        """Return the drive without its last frames."""
        end = max(0, len(self.images) - last)
        return Drive(self.name, self.images[:end], self.numbers[:end])

    def last(self, frames: int) -> "Drive":
        """Return the drive's last frames."""
        start = max(0, len(self.images) - frames)
        return Drive(self.name, self.images[start:], self.numbers[start:])


class KittiWindows(windows.WindowClips[Drive]):
    """The clips of one split, uint8 (T, H, W, 3)."""

    prefix = "kitti/"

    def window(self, video: Drive, first: int) -> np.ndarray:
        """Return the frames of a drive from number `first` on; names an unreadable image."""
        place = bisect.bisect_left(video.numbers, first)
        total, height, width, _ = self.shape
        images = video.images[place : place + total]
        return np.stack([scaled_crop(image, (height, width)) for image in images])


class KittiDataset(Dataset[KittiData]):
    """KITTI with the settings of a configuration."""

    def wanted_settings(self) -> dict[str, Any]:
        """Return the settings that decide the bytes, as far as the configuration knows them."""
        config = self.config
        return {
            "reader_version": READER_VERSION,
            "frame_px": list(config.frame_px),
            "frames": config.total_frames,
            "camera": config.camera,
            "test_drives": sorted(config.test_drives),
            "validation_drives": sorted(config.validation_drives),
            "train_drives": sorted(config.train_drives),
            "validation_last_frames": config.validation_last_frames,
            "validation_gap_frames": config.validation_gap_frames,
            "validation_frames": config.validation_frames,
            "train_windows": config.train_windows,
            "test_windows": config.test_windows,
        }

    def plan(self, report: Report) -> DatasetPlan:
        """Find the drives and say which belongs to which split.

        Raises:
            NoRawData: the folder or every drive is missing.
            DataError: a listed drive is missing, or a split is left without a clip.
        """
        folder = raw_folder(self.config.root, "kitti", ADVICE)
        camera = self.config.camera
        drives = find_drives(folder, camera)
        if not drives:
            raise NoRawData(f"{folder}: no drive with PNG files of {camera}; {ADVICE}")
        chosen = split_drives(self.config, drives, folder)
        used = {drive.name: drives[drive.name] for split in SPLITS for drive in chosen[split]}
        clips = _clips(self.config, chosen, folder)
        settings = {**self.wanted_settings(), "images_sha256": _digest(used)}
        facts = {
            "title": f"KITTI, {CAMERAS[camera]}, {len(used)} drives",
            "label": "",
            "drives": {split: sorted({drive.name for drive in chosen[split]}) for split in SPLITS},
            "counts": {split: of_split.count for split, of_split in clips.items()},
            "terms": TERMS,
            "citation": [CITATION],
        }
        return DatasetPlan(settings, lambda console: DatasetContents(settings, facts, clips))


def _digest(drives: Mapping[str, Drive]) -> str:
    """Return a sha256 that changes with the names and sizes of the drives' images."""
    files = [
        (name, image.name, image.stat().st_size)
        for name, drive in sorted(drives.items())
        for image in drive.images
    ]
    return hashlib.sha256(repr(files).encode()).hexdigest()


def find_drives(folder: Path, camera: str) -> dict[str, Drive]:
    """Find every drive that has images of a camera, or images without a folder for cameras.

    Raises:
        DataError: two drives have one name, or an image's name has no number.
    """
    drives: dict[str, Drive] = {}
    places: dict[str, Path] = {}
    for place, _, names in sorted(os.walk(folder)):
        images = [Path(place) / name for name in names if name.lower().endswith(".png")]
        home = _home(Path(place), camera)
        if not images or home is None:
            continue
        if home.name in drives:
            raise DataError(f"{place}: drive {home.name} lies in {places[home.name]} too")
        numbered = sorted((_number(image), image) for image in images)
        numbers, ordered = zip(*numbered, strict=True)
        drives[home.name], places[home.name] = Drive(home.name, ordered, numbers), Path(place)
    return drives


def split_drives(
    config: KittiData, drives: Mapping[str, Drive], folder: Path
) -> dict[str, list[Drive]]:
    """Say which frames of which drives belong to each split.

    Raises:
        DataError: a listed drive is not there.
    """
    listed = {
        "train": config.train_drives,
        "validation": config.validation_drives,
        "test": config.test_drives,
    }
    for split, names in listed.items():
        for name in names:
            if name not in drives:
                there = ", ".join(sorted(drives))
                raise DataError(
                    f"data.{split}_drives: {name} has no images of {config.camera} below {folder}; "
                    f"there are: {there:.300}"
                )
    rest = sorted(drives.keys() - {*config.validation_drives, *config.test_drives})
    train = [drives[name] for name in listed["train"] or rest]
    validation = [drives[name] for name in listed["validation"]]
    last = config.validation_last_frames
    if last:
        validation += [drive.last(last) for drive in train]
        train = [drive.before(last + config.validation_gap_frames) for drive in train]
    return {
        "train": train,
        "validation": validation,
        "test": [drives[name] for name in listed["test"]],
    }


def _clips(
    config: KittiData, chosen: Mapping[str, Sequence[Drive]], folder: Path
) -> dict[str, KittiWindows]:
    """Cut the drives of every split into windows; raises DataError where a split has none."""
    clips = {split: _windows_of(config, split, drives) for split, drives in chosen.items()}
    for split, of_split in clips.items():
        if not of_split.count:
            raise DataError(
                f"{folder}: no {of_split.shape[0]} frames in a row for the {split} split "
                f"({', '.join(drive.name for drive in chosen[split]) or 'no drive'}); give it "
                "longer drives or ask for fewer frames"
            )
    return clips


def _windows_of(config: KittiData, split: str, drives: Sequence[Drive]) -> KittiWindows:
    shorter = config.validation_frames if split == "validation" else None
    total = shorter or config.total_frames
    chosen = config.test_windows if split == "test" else config.train_windows
    stride = total if chosen == "unique" else 1
    starts = [
        (drive, first)
        for drive in drives
        for first in windows.sliding(drive.numbers, total, stride)
    ]
    return KittiWindows(tuple(starts), (total, *config.frame_px, 3))


def _home(place: Path, camera: str) -> Path | None:
    """Return the folder of the drive to which a folder of images belongs; None: another camera."""
    inner = place.parent if place.name == "data" else place
    if not re.fullmatch(r"image_\d\d", inner.name):
        return place
    return inner.parent if inner.name == camera else None


def _number(image: Path) -> int:
    digits = re.search(r"\d+$", image.stem)
    if digits is None:
        raise DataError(f"{image}: expected a name that ends in the frame's number")
    return int(digits[0])


DATASET = KittiDataset
