"""Frames of a user's own sources as a dataset wants them: rate, size and channels."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from tfvp.data.user_videos.files import OwnSource, open_frames
from tfvp.errors import DataError
from tfvp.system.threads import ReadOnce


@dataclass(frozen=True)
class Look:
    """How frames are to look: height and width, channels, what gives way, frames per second."""

    frame_px: tuple[int, int]
    channels: int
    fit: str  # "resize" or "pad"
    fps: float | None


@ReadOnce  # clips come source by source
def read(source: OwnSource, look: Look) -> np.ndarray:
    """Read a whole source as it is to look, uint8 (T, H, W, C); raises DataError."""
    frames, fps = open_frames(source)
    if look.fps is not None:
        if fps is None:
            raise DataError(
                f"{source.path}: has no frame rate, so data.fps: {look.fps:g} means nothing here; "
                "leave it out"
            )
        if look.fps > 1.01 * fps:
            raise DataError(
                f"{source.path}: has {fps:.4g} frames a second, data.fps: {look.fps:g} asks "
                "for more"
            )
        frames = _thinned(frames, max(1.0, fps / look.fps))
    shown = [fitted(frame, look) for frame in frames]
    return np.stack(shown) if shown else np.empty((0, *look.frame_px, look.channels), np.uint8)


def _thinned(frames: Iterator[np.ndarray], every: float) -> Iterator[np.ndarray]:
    """Yield the frames next to 0, every, 2 every and so on."""
    taken = 0
    for number, frame in enumerate(frames):
        if number == int(taken * every + 0.5):
            taken += 1
            yield frame


def fitted(frame: np.ndarray, look: Look) -> np.ndarray:
    """Bring a frame, uint8 (H, W, 1 or 3), to size and channels.

    resize: both sides are scaled, the ratio is not kept. pad: the frame is scaled to fit inside and
    stands in the middle of black. Areas are averaged when it gets smaller, else bilinear.
    """
    if look.channels == 1 and frame.shape[2] == 3:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None]
    if look.channels == 3 and frame.shape[2] == 1:
        frame = np.repeat(frame, 3, axis=2)
    top, left, inner = _inside(frame.shape[:2], look)
    shown = np.zeros((*look.frame_px, look.channels), np.uint8)
    scaled = _scaled(frame, inner)
    shown[top : top + inner[0], left : left + inner[1]] = scaled.reshape(*inner, look.channels)
    return shown


def restored(frame: np.ndarray, look: Look, size: tuple[int, int]) -> np.ndarray:
    """Bring a frame that looks as `look` back to the height and width that it was fitted from.

    Padding is cut away; channels stay: uint8 (H, W, C) -> (*size, C).
    """
    top, left, inner = _inside(size, look)
    frame = frame[top : top + inner[0], left : left + inner[1]]
    return _scaled(frame, size).reshape(*size, look.channels)


def _inside(size: tuple[int, ...], look: Look) -> tuple[int, int, tuple[int, int]]:
    """Top, left, and height and width of a frame of this size where it stands fitted."""
    height, width = look.frame_px
    if look.fit != "pad":
        return 0, 0, look.frame_px
    scale = min(height / size[0], width / size[1])
    inner = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    return (height - inner[0]) // 2, (width - inner[1]) // 2, inner


def _scaled(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average areas where it gets smaller, else bilinear."""
    smaller = size[0] < frame.shape[0] or size[1] < frame.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(frame, (size[1], size[0]), interpolation=method)
