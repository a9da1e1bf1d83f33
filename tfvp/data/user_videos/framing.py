"""Brings frames of a user's videos to the frame rate, size and channels that are wanted."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from tfvp.data.user_videos.files import UserVideo, open_frames
from tfvp.errors import DataError
from tfvp.system.threads import ReadOnce


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


@ReadOnce  # clips come video by video
def read_video(video: UserVideo, frame_format: FrameFormat) -> np.ndarray:
    """Read a whole video in a format.

    Returns:
        uint8 (T, H, W, C); T is 0 where the video has no frame.

    Raises:
        DataError: it cannot be read, or its frame rate is unknown or below the wanted one.
    """
    frames, fps = open_frames(video)
    wanted = frame_format.fps
    if wanted is not None:
        if fps is None:
            raise DataError(
                f"{video.path}: has no frame rate, so data.fps: {wanted:g} means nothing here; "
                "leave it out"
            )
        if wanted > 1.01 * fps:
            raise DataError(
                f"{video.path}: has {fps:.4g} frames a second, data.fps: {wanted:g} asks for more"
            )
        frames = _subsampled(frames, max(1.0, fps / wanted))
    clip = [fit_frame(frame, frame_format) for frame in frames]
    return np.stack(clip) if clip else np.empty((0, *frame_format.shape), np.uint8)


def _subsampled(frames: Iterator[np.ndarray], every: float) -> Iterator[np.ndarray]:
    """Yield the frames whose numbers are nearest to 0, `every`, 2 `every` and so on."""
    taken = 0
    for number, frame in enumerate(frames):
        if number == int(taken * every + 0.5):
            taken += 1
            yield frame


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
