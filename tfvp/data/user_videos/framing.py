"""Brings frames of a user's videos to the frame rate, size and channels that are wanted."""

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from tfvp.data.user_videos.files import UserVideo
from tfvp.data.user_videos.frames import Frame, Frames
from tfvp.errors import DataError
from tfvp.system.threads import ReadOnce

_TINY = 1e-6  # times are fractions: 0.15 s times 20 is not exactly 3


@dataclass(frozen=True)
class FrameFormat:
    """What frames are brought to: size, number of channels, and frame rate."""

    frame_px: tuple[int, int]  # height and width
    channels: int  # 1 or 3
    fit: str  # "resize" or "pad", see `fit_frame`
    fps: float | None  # frames per second that are taken of a video; None: all

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of a frame."""
        return (*self.frame_px, self.channels)


@dataclass(frozen=True, eq=False)
class ReadVideo:
    """A whole video in a format."""

    frames: np.ndarray  # uint8 (T, H, W, C); T is 0 where the video has no frame
    numbers: tuple[int, ...]  # of each frame; where frames are missing, numbers are left out
    size: tuple[int, ...]  # height, width and channels of the original
    damage: str  # what cannot be read; empty: nothing
    notes: tuple[str, ...]  # what gets lost

    def window(self, first: int, length: int) -> np.ndarray:
        """Return the frames from number `first` on, (length, H, W, C) or fewer at the end."""
        place = bisect.bisect_left(self.numbers, first)
        return self.frames[place : place + length]


@ReadOnce  # clips come video by video
def read_video(video: UserVideo, frame_format: FrameFormat) -> ReadVideo:
    """Read a whole video in a format.

    Raises:
        DataError: it cannot be read, or its frame rate is unknown or below the wanted one.
    """
    frames = Frames(video)
    fitted, numbers, size = [], [], (0, 0, 0)
    for frame in taken(frames, frame_format.fps):
        size = frame.pixels.shape
        fitted.append(fit_frame(frame.pixels, frame_format))
        numbers.append(frame.number)
    clip = np.stack(fitted) if fitted else np.empty((0, *frame_format.shape), np.uint8)
    return ReadVideo(clip, tuple(numbers), size, frames.damage, tuple(frames.notes))


def taken(frames: Frames, fps: float | None) -> Iterator[Frame]:
    """Take all frames of a video, or so many a second, see `at_rate`.

    Raises:
        DataError: once all are read: it has fewer frames a second; see `at_rate`.
    """
    if fps is None:
        yield from frames
        return
    yield from at_rate(frames, fps)
    if frames.fps is not None and fps > 1.01 * frames.fps:
        raise DataError(
            f"{frames.video.path}: has {frames.fps:.4g} frames a second, data.fps: {fps:g} asks "
            "for more; --fps RATE takes fewer"
        )


def at_rate(frames: Frames, fps: float) -> Iterator[Frame]:
    """Take the frames whose times are nearest to 0, 1 / fps, 2 / fps and so on.

    Yields:
        frames numbered anew. A number is left out where no frame is within half of 1 / fps, unless
        the frames around are as close as wanted (30 a second are wanted of 29.97).

    Raises:
        DataError: nothing says at which times the frames stand.
    """
    best: Frame | None = None  # so far, of the place `slot`
    slot = seen = skipped = 0  # skipped: places without a frame although none is missing
    distance = last = 0.0
    for frame in frames:
        seen += 1
        now = _seconds(frames, frame, fps)
        own = math.floor(now * fps + 0.5 + _TINY)
        apart = abs(now * fps - own)
        if best is not None and own > slot:
            yield best._replace(number=slot - skipped)
            skipped += own - slot - 1 if (now - last) * fps <= 1.02 else 0
            best = None
        if best is None or apart <= distance + _TINY:
            best, slot, distance = frame, own, apart
        last = now
    half = last / (seen - 1) / 2 if seen > 1 else math.inf  # of the usual time between frames
    if best is not None and slot / fps - last < half - _TINY:  # else one after the end was nearer
        yield best._replace(number=slot - skipped)


def _seconds(frames: Frames, frame: Frame, fps: float) -> float:
    if frame.seconds is None:
        raise DataError(
            f"{frames.video.path}: has no frame rate, so data.fps: {fps:g} means nothing here; say "
            "its rate with --source-fps RATE (data.source_fps), or leave data.fps out"
        )
    return frame.seconds


def fit_frame(frame: np.ndarray, frame_format: FrameFormat) -> np.ndarray:
    """Bring a frame to the size and channels of a format.

    With `fit` "resize" both sides are scaled and the aspect ratio is not kept. With "pad" the frame
    is scaled to fit inside and stands in the middle of black. Scaling averages areas where the
    frame gets smaller and is bilinear otherwise.

    Args:
        frame: uint8 (H, W, C) of any height and width, C 1 or 3 (red, green, blue).
        frame_format: the format; its frame rate does not matter here.

    Returns:
        uint8 (*frame_format.shape).
    """
    if frame_format.channels == 1 and frame.shape[2] == 3:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None]
    if frame_format.channels == 3 and frame.shape[2] == 1:
        frame = np.repeat(frame, 3, axis=2)
    top, left, inner = _inside(frame.shape[:2], frame_format)
    fitted = np.zeros(frame_format.shape, np.uint8)
    scaled = _scaled(frame, inner).reshape(*inner, frame_format.channels)
    fitted[top : top + inner[0], left : left + inner[1]] = scaled
    return fitted


def restore_frame(
    frame: np.ndarray, frame_format: FrameFormat, size: tuple[int, int]
) -> np.ndarray:
    """Bring a frame back to the height and width that `fit_frame` brought it from.

    Args:
        frame: uint8 (*frame_format.shape).
        frame_format: the format that it was fitted to; its padding is cut away.
        size: height and width of the original frame.

    Returns:
        uint8 (*size, C); the channels stay those of the format.
    """
    top, left, inner = _inside(size, frame_format)
    frame = frame[top : top + inner[0], left : left + inner[1]]
    return _scaled(frame, size).reshape(*size, frame_format.channels)


def _inside(size: tuple[int, ...], frame_format: FrameFormat) -> tuple[int, int, tuple[int, int]]:
    """Return top, left, and (height, width) of where a fitted frame of this size stands."""
    height, width = frame_format.frame_px
    if frame_format.fit != "pad":
        return 0, 0, frame_format.frame_px
    scale = min(height / size[0], width / size[1])
    inner = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    return (height - inner[0]) // 2, (width - inner[1]) // 2, inner


def _scaled(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale to height and width, averaging areas where the frame gets smaller, else bilinearly."""
    smaller = size[0] < frame.shape[0] or size[1] < frame.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(frame, (size[1], size[0]), interpolation=method)
