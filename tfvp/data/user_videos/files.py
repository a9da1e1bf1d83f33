"""Finds the videos, folders of frames and arrays of a user, and reads each as uint8 frames.

- a video: .mp4, .avi, .mov, .mkv, .webm, .gif;
- a folder with .png, .jpg, .jpeg, .bmp, .tif files is one video, in the order of their names as
  people count (frame2 before frame10);
- an array, .npy or each one in an .npz, uint8 or float in [0, 1]: (T, H, W), (T, H, W, C) with 1 or
  3 channels, (N, T, H, W) or (N, T, H, W, C); each of N sequences is a video of its own.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageSequence

from tfvp.data.raw_folder import NoRawData
from tfvp.errors import DataError
from tfvp.system.threads import ReadOnce

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
ARRAYS = (".npy", ".npz")
CHANNELS = (1, 3)


@dataclass(frozen=True)
class UserVideo:
    """A video file, a folder of frames, or a sequence of an array; it belongs to one split."""

    name: str  # path below the user's folder, and for arrays [key] and [number]
    path: Path
    kind: str  # "video", "frames" or "array"
    key: str = ""  # of an npz
    number: int | None = None  # of a sequence among N


class Frames(NamedTuple):
    """The frames of a video, read one by one."""

    frames: Iterator[np.ndarray]  # uint8 (H, W, C), C 1 or 3 (red, green, blue)
    fps: float | None  # frame rate; None: there is none


def find_user_videos(place: Path) -> tuple[list[UserVideo], list[Path]]:
    """List the videos in a folder, or in one file, and the files that are none.

    Raises:
        NoRawData: the place does not exist.
        DataError: it holds no video, or an array has another shape or type.
    """
    _array.clear()  # files may have changed
    if not place.exists():
        raise NoRawData(f"{place}: no such file or folder")
    base = place if place.is_dir() else place.parent
    files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
    files = [p for p in files if not any(q.startswith(".") for q in p.relative_to(base).parts)]
    videos, others, seen = [], [], set()
    for path in files:
        end, name = path.suffix.lower(), str(path.relative_to(base))
        if end in VIDEOS:
            videos.append(UserVideo(name, path, "video"))
        elif end in ARRAYS:
            videos += _in_array_file(name, path)
        elif end in IMAGES and place.is_dir():
            if path.parent not in seen:
                seen.add(path.parent)
                folder = str(path.parent.relative_to(base))
                name = place.name if folder == "." else folder
                videos.append(UserVideo(name, path.parent, "frames"))
        else:
            others.append(path)
    if not videos:
        raise DataError(
            f"{place}: expected videos ({', '.join(VIDEOS)}), folders of images "
            f"({', '.join(IMAGES)}) or arrays ({', '.join(ARRAYS)}), found {len(others)} files of "
            "other kinds"
        )
    return videos, others


def files_of(video: UserVideo) -> list[Path]:
    """Return the files that a video is read from, images in their order."""
    if video.kind != "frames":
        return [video.path]
    images = (p for p in video.path.iterdir() if p.suffix.lower() in IMAGES)
    return sorted((p for p in images if p.name[0] != "."), key=_as_people_count)


def open_frames(video: UserVideo) -> Frames:
    """Open a video for reading frame by frame; reading a damaged one raises DataError."""
    if video.kind == "array":
        return Frames(iter(_sequence(video)), None)
    if video.kind == "frames":
        return Frames(_images(video), None)
    if video.path.suffix.lower() == ".gif":
        return _gif(video.path)
    capture = cv2.VideoCapture(str(video.path))
    fps = capture.get(cv2.CAP_PROP_FPS)
    return Frames(_video(video.path, capture), fps if fps > 0 else None)


def _as_people_count(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _video(path: Path, capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    empty = True
    try:
        while True:
            there, frame = capture.read()
            if not there:
                break
            empty = False
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
    if empty:
        raise DataError(f"{path}: cannot be read as a video; convert it, or take it away")


def _gif(path: Path) -> Frames:
    try:
        with Image.open(path) as picture:
            times = [frame.info.get("duration", 0) for frame in ImageSequence.Iterator(picture)]
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as a GIF ({error}); take it away") from error
    mean_ms = sum(times) / len(times)

    def frames() -> Iterator[np.ndarray]:
        with Image.open(path) as picture:
            for frame in ImageSequence.Iterator(picture):
                yield np.asarray(frame.convert("RGB"))

    return Frames(frames(), 1000 / mean_ms if mean_ms else None)


def _images(video: UserVideo) -> Iterator[np.ndarray]:
    first = None
    for path in files_of(video):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise DataError(f"{path}: cannot be read as an image; take it away")
        first = image.shape[:2] if first is None else first
        if image.shape[:2] != first:
            raise DataError(
                f"{path}: expected {first[0]}x{first[1]} as the first image of its folder, got "
                f"{image.shape[0]}x{image.shape[1]}; one folder is one clip"
            )
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


# --- arrays ---


def _in_array_file(name: str, path: Path) -> Iterator[UserVideo]:
    for key in _keys(path):
        shape = _array(path, key).shape
        whole = f"{name}[{key}]" if key else name
        if _has_sequences(shape):
            for number in range(shape[0]):
                yield UserVideo(f"{whole}[{number}]", path, "array", key, number)
        else:
            yield UserVideo(whole, path, "array", key)


def _has_sequences(shape: tuple[int, ...]) -> bool:
    return len(shape) == 5 or (len(shape) == 4 and shape[-1] not in CHANNELS)


def _keys(path: Path) -> list[str]:
    if path.suffix.lower() == ".npy":
        return [""]
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return sorted(arrays.files)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as an npz ({error})") from error


@ReadOnce  # an npz is unpacked once for all of its sequences
def _array(path: Path, key: str) -> np.ndarray:
    """Open an array and check its shape and type; a .npy stays on the disk."""
    try:
        if key:
            with np.load(path, allow_pickle=False) as arrays:
                array = arrays[key]
        else:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as an array ({error})") from error
    rank, what = array.ndim, f"{path}[{key}]" if key else str(path)
    if rank not in (3, 4, 5) or (rank == 5 and array.shape[-1] not in CHANNELS) or not array.size:
        raise DataError(
            f"{what}: expected (T, H, W), (T, H, W, C), (N, T, H, W) or (N, T, H, W, C) with C 1 "
            f"or 3, got {array.shape}"
        )
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise DataError(f"{what}: expected uint8 or float in [0, 1], got {array.dtype}")
    return array


def _sequence(video: UserVideo) -> np.ndarray:
    """Read one sequence of an array as uint8 (T, H, W, C); floats in [0, 1] are rounded."""
    array = _array(video.path, video.key)
    clip = np.asarray(array if video.number is None else array[video.number])
    if clip.dtype != np.uint8:
        low, high = float(clip.min()), float(clip.max())
        if not (low >= 0 and high <= 1):
            raise DataError(
                f"{video.path}: {video.name}: expected floats in [0, 1], got [{low:g}, "
                f"{high:g}]; divide by the largest value, or save bytes (uint8)"
            )
        clip = np.rint(clip * 255).astype(np.uint8)
    return clip[..., None] if clip.ndim == 3 else clip
