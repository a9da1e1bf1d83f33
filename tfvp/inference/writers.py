"""Writes a continued clip as an animation with borders and numbers, or as bare frames.

A .gif or .mp4 shows context and prediction, told apart by the border's colour and the line below.
An .npy holds the predicted frames alone, uint8 (steps, H, W, C). A folder gets each frame as a PNG,
context_00010.png and predicted_00011.png, numbered as in the input, from 1. A file appears whole or
not at all, and none is ever overwritten.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from tfvp.drawing.clips import numbered
from tfvp.errors import ConfigError, DataError
from tfvp.inference.video import OutputFrame
from tfvp.system.files import creating
from tfvp.system.video import write_film, write_gif

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
        try:
            WRITERS[path.suffix.lower()](temporary, counted, fps or FPS)
        except DataError as error:  # about what was written, which is gone
            raise DataError(str(error).replace(str(temporary), str(path))) from None
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
    write_gif(path, _pictures(frames), frame_ms=max(20, round(1000 / fps)))


def _mp4(path: Path, frames: Iterable[OutputFrame], fps: float) -> None:
    write_film(path, (np.asarray(picture) for picture in _pictures(frames)), fps)


def _npy(path: Path, frames: Iterable[OutputFrame], fps: float) -> None:
    """Write frame by frame; the header, which says how many they are, is written again at the end.

    NumPy leaves room in it for a first axis that grows.
    """
    del fps
    count, shape = 0, ()
    with path.open("wb") as file:
        for each in frames:
            if each.predicted:
                if not count:
                    shape = each.frame.shape
                    _npy_header(file, (0, *shape))
                count += 1
                file.write(each.frame.tobytes())
        file.seek(0)
        _npy_header(file, (count, *shape))
    if np.load(path, mmap_mode="r").shape != (count, *shape):
        raise DataError(f"{path}: cannot be read again")


def _npy_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)


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
