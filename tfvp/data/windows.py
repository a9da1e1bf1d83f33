"""Clips that are windows of videos: which frames they begin with, and reading any by its number.

A window never crosses a gap in the frame numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np


class Named(Protocol):
    """Anything that frames come from and that has a name."""

    @property
    def name(self) -> str:
        """The video's name."""
        ...


Video = TypeVar("Video", bound=Named)


@dataclass(frozen=True)
class WindowClips(ABC, Generic[Video]):
    """The clips of one split, a `ClipSource`; a dataset says how a window is read."""

    prefix: ClassVar[str] = ""  # before the videos' names in what `source` returns

    starts: tuple[tuple[Video, int], ...]  # a video and the number of the window's first frame
    shape: tuple[int, int, int, int]  # (T, H, W, C)

    @property
    def count(self) -> int:
        """How many clips there are."""
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return clip `index`, uint8 (T, H, W, C); raises DataError where its file is damaged."""
        return self.window(*self.starts[index])

    @abstractmethod
    def window(self, video: Video, first: int) -> np.ndarray:
        """Return the frames of a video from number `first` on, uint8 (T, H, W, C)."""

    def source(self, index: int) -> str:
        """Name video and frames of clip `index`, e.g. "street.mp4 frames 0-19"."""
        video, first = self.starts[index]
        return f"{self.prefix}{video.name} frames {first}-{first + self.shape[0] - 1}"


def released(frames: Sequence[int], total: int, step: int) -> list[int]:
    """Cut a video as the released E3D-LSTM program does, from the last frame to the first.

    A window is valid when its first and last frame numbers differ by total - 1, so it may run
    across two sequences whose numbers join. After a valid one the end moves back by `step`, else by
    one frame. (The program scans all videos as one list, which for windows of more than two frames
    is the same, video by video.)

    Args:
        frames: the numbers of the video's frames, ascending, without repetition.
        total: frames of a window.
        step: frames between the ends of valid windows; with `total` they lie side by side.

    Returns:
        the windows' first frame numbers, ascending.

    >>> released(range(1, 101), total=30, step=30)
    [11, 41, 71]
    """
    starts = []
    end = len(frames) - 1
    while end >= total - 1:
        first = frames[end - total + 1]
        valid = frames[end] - first == total - 1
        if valid:
            starts.append(first)
        end -= step if valid else 1
    return starts[::-1]


def sliding(frames: Sequence[int], total: int, stride: int) -> list[int]:
    """Cut every unbroken stretch from its first frame on, a window every `stride` frames.

    Args:
        frames: the numbers of the video's frames, ascending, without repetition.
        total: frames of a window.
        stride: frames between starts; with `total` windows lie side by side, 1 gives all there are.

    Returns:
        the windows' first frame numbers, ascending.
    """
    starts, begin = [], 0
    for place in range(1, len(frames) + 1):
        if place == len(frames) or frames[place] != frames[place - 1] + 1:
            last = place - total  # place in `frames` of the stretch's last possible start
            starts += [frames[first] for first in range(begin, last + 1, stride)]
            begin = place
    return starts
