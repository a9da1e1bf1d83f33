"""Writes a continued clip as an animation with borders and numbers, or as bare frames.

A .gif or .mp4 shows context and prediction, told apart by the border's colour and the line below.
An .npy holds the predicted frames alone, uint8 (steps, H, W, C). A folder gets each frame as a PNG,
context_00010.png and predicted_00011.png, numbered as in the input, from 1. A file appears whole or
not at all, and none is ever overwritten.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tfvp.drawing.clips import gif, numbered
from tfvp.errors import ConfigError, DataError
from tfvp.inference.video import OutputFrame
from tfvp.system.files import creating

FPS = 10.0  # frame rate of the result where the input has none


def check_output(path: Path) -> None:
    """Check before any work whether the result can be written.

    Raises:
        ConfigError: the path's ending is none that can be written.
        DataError: the path exists already, or its folder does not.
    """
    if path.suffix.lower() not in WRITERS:
        raise ConfigError(
            f"--output {path}: expected .gif, .mp4, .npy, or a name without a dot (a folder of "
            f"PNG files), got {path.suffix}"
        )
    if os.path.lexists(path):
        raise DataError(f"{path}: exists and is never overwritten; choose another --output")
    if not path.absolute().parent.is_dir():
        raise DataError(f"{path}: {path.absolute().parent} is no folder; make it first")


def write_clip(path: Path, frames: Iterable[OutputFrame], fps: float | None) -> int:
    """Write frames to a new file or folder.

    Args:
        path: where to; the ending decides the kind, a key of WRITERS.
        frames: in order; they are read once.
        fps: frame rate; None: 10 frames per second.

    Returns:
        how many of the frames were predicted.
    """
    counted = _Counted(frames)
    with creating(path) as temporary:
        WRITERS[path.suffix.lower()](temporary, counted, fps or FPS)
    return counted.predicted


class _Counted:
    """Passes frames on and counts those that were predicted."""

    def __init__(self, frames: Iterable[OutputFrame]):
        self.frames = frames
        self.predicted = 0

    def __iter__(self) -> Iterator[OutputFrame]:
        for shown in self.frames:
            self.predicted += shown.predicted
            yield shown


def _pictures(frames: Iterable[OutputFrame]) -> Iterator[Image.Image]:
    return (numbered(each.frame / 255, each.number, each.predicted) for each in frames)


def _gif(path: Path, frames: Iterable[OutputFrame], fps: float) -> None:
    path.write_bytes(gif(list(_pictures(frames)), frame_ms=max(20, round(1000 / fps))))


def _mp4(path: Path, frames: Iterable[OutputFrame], fps: float) -> None:
    writer = None
    for picture in _pictures(frames):
        pixels = np.asarray(picture)[..., ::-1]
        even = np.pad(pixels, [(0, n % 2) for n in pixels.shape[:2]] + [(0, 0)], mode="edge")
        if writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(path), code, fps, (even.shape[1], even.shape[0]))
            if not writer.isOpened():
                raise DataError(f"{path}: OpenCV cannot write mp4 here; choose .gif or .npy")
        writer.write(np.ascontiguousarray(even))
    if writer is not None:
        writer.release()


def _npy(path: Path, frames: Iterable[OutputFrame], fps: float) -> None:
    del fps
    np.save(path, np.stack([each.frame for each in frames if each.predicted]))


def _folder(path: Path, frames: Iterable[OutputFrame], fps: float) -> None:
    del fps
    path.mkdir()
    for each in frames:
        name = f"{'predicted' if each.predicted else 'context'}_{each.number:05d}.png"
        Image.fromarray(each.frame.squeeze()).save(path / name)


WRITERS: dict[str, Callable[[Path, Iterable[OutputFrame], float], None]] = {
    ".gif": _gif,
    ".mp4": _mp4,
    ".npy": _npy,
    "": _folder,
}
