"""Finds the videos, folders of frames and arrays of a user, and says what they were taken for.

- a video: .mp4, .avi, .mov, .mkv, .webm, .gif;
- a folder with .png, .jpg, .jpeg, .bmp, .tif files is one video, in the order of their names as
  people count (frame2 before frame10); a .tif with several pages is a video of its own;
- an array, .npy or each one in an .npz, see `tfvp.data.user_videos.arrays`; each of N sequences is
  a video of its own.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tfvp.data.raw_folder import NoRawData
from tfvp.data.user_videos import arrays
from tfvp.data.user_videos.arrays import AS_THEY_ARE, Values
from tfvp.data.user_videos.config import UserVideosData
from tfvp.data.user_videos.images import IMAGES, STACKS, count_pages, in_order
from tfvp.errors import DataError

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif")
ARRAYS = (".npy", ".npz")
_SEQUENCE = re.compile(r"(?P<file>.+\.np[yz])(\[[^\[\]]*\])+", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """How a user says that files are to be understood; see the keys of the data section."""

    axes: str | None = None  # of arrays, e.g. "TNHW"
    arrays: tuple[str, ...] = ()  # keys in an .npz; none: all that may be clips
    values: Values = AS_THEY_ARE
    source_fps: float | None = None  # of folders of images and of arrays


def reading_of(config: UserVideosData) -> Reading:
    """Return how a data section says that files are to be understood."""
    low, high = config.value_range or (None, None)
    return Reading(config.axes, config.arrays, Values(low, high, config.nan), config.source_fps)


@dataclass(frozen=True)
class UserVideo:
    """A video file, a folder of frames, or a sequence of an array; it belongs to one split."""

    name: str  # path below the user's folder, and for arrays [key] and [number]
    path: Path
    kind: str  # "video", "frames", "stack" or "array"
    key: str = ""  # of an npz
    number: int | None = None  # of a sequence among N
    axes: str = ""  # of an array
    reading: Reading = Reading()


class Found(NamedTuple):
    """What lies in a place."""

    videos: list[UserVideo]
    notes: list[str]  # a line for each file that is left aside, and for each array what it is


def find_user_videos(place: Path, reading: Reading | None = None) -> Found:
    """List the videos in a folder, or in one file; links to folders are followed.

    Args:
        place: a folder, a file, or a sequence of an array as messages name it: `x.npz[key][0]`.
        reading: how files are to be understood.

    Raises:
        NoRawData: the place does not exist.
        DataError: it holds no video, or an array has another shape or type.
    """
    arrays.open_array.clear()  # files may have changed
    reading = reading or Reading()
    if "\0" in str(place):
        raise DataError(f"{str(place)!r}: a path cannot hold the character NUL")
    named = _SEQUENCE.fullmatch(place.name)
    if named and not place.exists():
        return _sequence_named(place.name, place.with_name(named["file"]), reading)
    if not place.exists():
        raise NoRawData(f"{place}: no such file or folder")
    base = place if place.is_dir() else place.parent
    found = Found([], [])
    for path in _files(place) if place.is_dir() else [place]:
        _add(found, path, place, base, reading)
    videos, notes = list(dict.fromkeys(found.videos)), found.notes  # a folder has many images
    if not videos:
        raise DataError(
            f"{place}: expected videos ({', '.join(VIDEOS)}), folders of images "
            f"({', '.join(IMAGES)}) or arrays ({', '.join(ARRAYS)}), found {len(notes)} files of "
            "other kinds"
        )
    return Found(videos, notes)


def _add(found: Found, path: Path, place: Path, base: Path, reading: Reading) -> None:
    """Add the videos of a file, or a note that it is none."""
    videos, notes = found
    end, name = path.suffix.lower(), str(path.relative_to(base))
    if end in VIDEOS:
        videos.append(UserVideo(name, path, "video", reading=reading))
    elif end in ARRAYS:
        videos += _in_array_file(name, path, reading, notes)
    elif end in STACKS and count_pages(path) > 1:
        videos.append(UserVideo(name, path, "stack", reading=reading))
    elif end in IMAGES and place.is_dir():
        folder = str(path.parent.relative_to(base))
        name = place.name if folder == "." else folder
        videos.append(UserVideo(name, path.parent, "frames", reading=reading))
    else:
        notes.append(f"{path}: no video, image or array; left aside")


def _files(folder: Path) -> list[Path]:
    """All files below a folder but hidden ones; a link that leads back is not followed again."""
    found, seen = [], set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(root) / name for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.is_file())


def _sequence_named(name: str, file: Path, reading: Reading) -> Found:
    """Find one sequence of an array file by its name."""
    found = find_user_videos(file, reading)
    chosen = [video for video in found.videos if video.name == name]
    if not chosen:
        held = [video.name for video in found.videos]
        more = f", … ({len(held)} in all)" if len(held) > 3 else ""
        raise DataError(f"{file}: holds no {name}; it holds {', '.join(held[:3])}{more}")
    return Found(chosen, found.notes)


def files_of(video: UserVideo) -> list[Path]:
    """Return the files that a video is read from, images in their order."""
    if video.kind != "frames":
        return [video.path]
    images = [p for p in video.path.iterdir() if p.suffix.lower() in IMAGES and p.name[0] != "."]
    return in_order([p for p in images if p.suffix.lower() not in STACKS or count_pages(p) == 1])


def _in_array_file(
    name: str, path: Path, reading: Reading, notes: list[str]
) -> Iterator[UserVideo]:
    """Yield the sequences of an array file, and note what was understood and what is left aside."""
    shapes, chosen = list(arrays.shapes_in(path)), None
    if path.suffix.lower() == ".npz":
        chosen = arrays.chosen(shapes, reading.arrays, path)
        notes += [
            f"{path}[{each.key}]: {each.shape} {each.dtype}, not a clip; left aside"
            for each in shapes
            if each not in chosen
        ]
    for each in chosen or shapes:
        whole = f"{name}[{each.key}]" if each.key else name
        if each.dtype.kind not in "uif":
            raise DataError(f"{path}: {whole}: expected numbers, got {each.dtype}")
        axes = each.axes(reading.axes, f"{path}[{each.key}]" if each.key else str(path))
        notes.append(f"{whole}: {each.understood(axes)} (sources × frames × H × W × channels)")
        numbers = range(each.shape[axes.index("N")]) if "N" in axes else [None]
        for number in numbers:
            one = whole if number is None else f"{whole}[{number}]"
            yield UserVideo(one, path, "array", each.key, number, axes, reading)
