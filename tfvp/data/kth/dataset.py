"""KTH Action (Schüldt, Laptev and Caputo 2004): clips are windows of the official videos."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from tfvp.data import windows
from tfvp.data.base import Dataset, DatasetContents, DatasetPlan, Report
from tfvp.data.kth import files as kth_files
from tfvp.data.kth.config import KTH_TRAIN_PERSONS, KthData
from tfvp.data.kth.files import ACTIONS, ALL_VIDEOS, PERSONS, Found, Video
from tfvp.data.kth.frames import read_frames
from tfvp.data.raw_folder import NoRawData, raw_folder
from tfvp.errors import DataError
from tfvp.sections import SPLITS
from tfvp.system.threads import ReadOnce

READER_VERSION = 1  # raised whenever the same settings would give other bytes
ADVICE = (
    "KTH's six zip files come from https://www.csc.kth.se/cvap/actions/ (non-commercial research); "
    "put them, or the AVI files in them, and 00sequences.txt anywhere below <data.root>/kth"
)
TERMS = "for non-commercial research; cite Schüldt et al. 2004"
CITATION = (
    "C. Schüldt, I. Laptev, B. Caputo: Recognizing human actions: a local SVM approach, ICPR 2004"
)
NOT_COMPARABLE = "numbers cannot be compared with the literature's"
NAMED = 3  # of a long list of names a message shows these
FAST = ("running", "jogging")  # of these the released program takes every third start
FAST_STEP = 3


class KthWindows(windows.WindowClips[Video]):
    """The clips of one split, uint8 (T, H, W, C); frames are numbered from 1."""

    prefix = "kth/"

    def window(self, video: Video, first: int) -> np.ndarray:
        """Return the frames from number `first` on; raises DataError where the video is gone."""
        total, height, width, channels = self.shape
        clip = _decoded(video, (height, width, channels))[first - 1 : first - 1 + total]
        if len(clip) < total:
            raise DataError(f"{video.path}: {video.name} changed while it was read")
        return clip


@ReadOnce  # clips come video by video
def _decoded(video: Video, frame_shape: tuple[int, int, int]) -> np.ndarray:
    try:
        with kth_files.as_file(video) as path:
            return read_frames(path, frame_shape)
    except (OSError, KeyError) as error:
        raise DataError(f"{video.path}: {video.name} cannot be read any more ({error})") from error


class KthDataset(Dataset[KthData]):
    """KTH with the settings of a configuration."""

    def wanted_settings(self) -> dict[str, Any]:
        """Return the settings that decide the bytes, as far as the configuration knows them."""
        return {
            "reader_version": READER_VERSION,
            "frame_px": list(self.config.frame_px),
            "frames": self.config.total_frames,
            "windows": self.config.windows,
            "stride": self.config.stride,
            "validation_persons": sorted(self.config.validation_persons),
            "allow_missing": self.config.allow_missing,
            # Data prepared before there was a choice does not name it and is gray.
            **({"channels": self.config.channels} if self.config.channels != 1 else {}),
        }

    def plan(self, report: Report) -> DatasetPlan:
        """Look through the raw folder; decoding and checking is left to the plan's `read`.

        Raises:
            NoRawData: the folder or every video is missing.
            DataError: 00sequences.txt cannot be read.
        """
        folder = raw_folder(self.config.root, "kth", ADVICE)
        found = kth_files.find(folder)
        if not found.videos:
            raise NoRawData(f"{folder}: no video of KTH; {ADVICE}")
        settings = {
            **self.wanted_settings(),
            "videos_sha256": _digest(sorted((v.name, v.sha256) for v in found.videos.values())),
            "boundaries_sha256": _digest(sorted((found.boundaries or {}).items())),
        }
        return DatasetPlan(
            settings, lambda console: _read(self.config, folder, found, settings, report, console)
        )


def _read(
    config: KthData,
    folder: Path,
    found: Found,
    settings: dict[str, Any],
    report: Report,
    console: Console,
) -> DatasetContents:
    """Decode every video once, say which cannot be used, and cut the others into windows.

    Raises:
        DataError: a split has no window.
    """
    if found.boundaries is None:
        report(f"KTH: no {kth_files.BOUNDARIES}: each video is one sequence from its first frame")
    report(f"KTH: decoding {len(found.videos)} videos of {folder}")
    sequences, broken = _checked(found, console)
    problems = [*found.problems, *broken]
    for problem in problems:
        report(f"KTH: {problem}; left out")
    absent = sorted(ALL_VIDEOS - found.videos.keys())
    if absent:
        report(f"KTH: {len(absent)} of {len(ALL_VIDEOS)} videos are not there: {_some(absent)}")
    incomplete = ""
    if (problems or absent) and not config.allow_missing:
        incomplete = (
            f"{folder}: KTH is not complete: {len(sequences)} of {len(ALL_VIDEOS)} videos can be "
            f"used, {len(absent)} are not there, {len(problems)} files are unusable (named above)"
        )
        # The rest is prepared for a configuration that allows it, and serves no other.
        settings = {**settings, "allow_missing": True}
    splits = {split: _windows_of(config, split, sequences) for split in SPLITS}
    _check_windows(config, splits, incomplete or str(folder))
    facts = _facts(sequences, found, problems, splits)
    return DatasetContents(settings, facts, splits, incomplete)


def _check_windows(config: KthData, splits: Mapping[str, KthWindows], where: str) -> None:
    for split, clips in splits.items():
        if not clips.count:
            raise DataError(
                f"{where}: no window of {config.total_frames} frames for the {split} split "
                f"(persons {_listed(persons(config, split))}); it needs more videos, other "
                "data.validation_persons or fewer frames"
            )


def persons(config: KthData, split: str) -> list[int]:
    """Return the persons of a split: validation is taken out of 1-16, the test split is 17-25."""
    if split == "validation":
        return sorted(config.validation_persons)
    train = split == "train"
    chosen = (p for p in PERSONS if (p in KTH_TRAIN_PERSONS) == train)
    return [person for person in chosen if person not in config.validation_persons]


def _checked(found: Found, console: Console) -> tuple[dict[Video, list[int]], list[str]]:
    """Decode every video; return the usable ones with their frame numbers, and problems."""
    videos = sorted(found.videos.values())
    usable, problems = {}, []
    for video, frames in zip(videos, kth_files.frame_counts(videos, console), strict=True):
        where = video.member or video.path.name
        stretches = (found.boundaries or {}).get(video.name)
        if found.boundaries is not None and stretches is None:
            problems.append(f"{where}: {kth_files.BOUNDARIES} does not list it")
            continue
        stretches = stretches or (range(1, max(frames) + 1),)
        last = max(stretch.stop - 1 for stretch in stretches)
        if not frames.decoded:
            problems.append(f"{where}: does not decode")
        elif frames.decoded < last:
            problems.append(f"{where}: has {frames.decoded} frames, {last} are announced")
        else:
            usable[video] = sorted({number for stretch in stretches for number in stretch})
    return usable, problems


def _windows_of(config: KthData, split: str, sequences: Mapping[Video, list[int]]) -> KthWindows:
    """Cut a split's videos into windows, scenario by scenario and person by person.

    In this order the first clips of a split, which validation uses, show all six actions.
    """
    chosen = [video for video in sequences if video.person in persons(config, split)]
    chosen.sort(key=lambda video: (video.scenario, video.person, ACTIONS.index(video.action)))
    starts = [(v, first) for v in chosen for first in _starts(config, v.action, sequences[v])]
    return KthWindows(tuple(starts), (config.total_frames, *config.frame_shape))


def _starts(config: KthData, action: str, frames: Sequence[int]) -> list[int]:
    total = config.total_frames
    if config.stride is not None:
        return windows.sliding(frames, total, config.stride)
    return windows.released(frames, total, FAST_STEP if action in FAST else total)


def _facts(
    sequences: Mapping[Video, list[int]],
    found: Found,
    problems: list[str],
    splits: Mapping[str, KthWindows],
) -> dict[str, Any]:
    complete = len(sequences) == len(ALL_VIDEOS)
    share = f"{len(sequences)} of KTH's {len(ALL_VIDEOS)} videos"
    return {
        "title": "KTH" if complete else f"KTH ({len(sequences)} of {len(ALL_VIDEOS)} videos)",
        "comparable": complete,
        "label": "" if complete else f"{share}: {NOT_COMPARABLE}",
        "videos": len(sequences),
        "persons": {
            split: sorted({video.person for video, _ in clips.starts})
            for split, clips in splits.items()
        },
        "counts": {split: clips.count for split, clips in splits.items()},
        "boundaries": kth_files.BOUNDARIES if found.boundaries is not None else "none",
        "left_out": problems,
        "terms": TERMS,
        "citation": [CITATION],
    }


def _digest(content: Any) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


DATASET = KthDataset
