"""Frames of video files, decoded with OpenCV, and of image files, read with Pillow."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from tfvp.errors import DataError

RED = 2  # OpenCV gives blue, green, red
KEPT_FRAMES = 512  # images in memory, so that windows that overlap read each once


class FrameCount(NamedTuple):
    """How many frames a video has."""

    decoded: int
    announced: int  # by the file's header; 0 where it says nothing


def count_frames(path: Path) -> FrameCount:
    """Decode a whole video and count; a file that is no video has 0 frames."""
    capture = cv2.VideoCapture(str(path))
    try:
        announced = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        return FrameCount(sum(1 for _ in _frames(capture)), announced)
    finally:
        capture.release()


def gray_frames(path: Path, frame_px: tuple[int, int]) -> np.ndarray:
    """Decode a gray video: the first channel (red), scaled bilinearly, not antialiased.

    Args:
        path: the video.
        frame_px: height and width to scale to; the aspect ratio is not kept.

    Returns:
        uint8 (T, H, W, 1), read-only; T is 0 for a file that is no video.
    """
    height, width = frame_px
    capture = cv2.VideoCapture(str(path))
    try:
        frames = [
            cv2.resize(frame[..., RED], (width, height), interpolation=cv2.INTER_LINEAR)
            for frame in _frames(capture)
        ]
    finally:
        capture.release()
    clip = np.stack(frames) if frames else np.empty((0, height, width), np.uint8)
    clip.flags.writeable = False
    return clip[..., None]


def _frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Yield uint8 (H, W, 3), blue, green, red, until the video ends or breaks."""
    while True:
        there, frame = capture.read()
        if not there:
            return
        yield frame


@functools.lru_cache(maxsize=KEPT_FRAMES)
def scaled_crop(path: Path, frame_px: tuple[int, int]) -> np.ndarray:
    """Read an image as PredNet's preparation does: scaled to the height, the middle columns kept.

    Pillow's bilinear scaling, which averages when it makes smaller; 375x1242 becomes 128x424, of
    which columns 132-291 stay.

    Args:
        path: a picture of any kind that Pillow reads.
        frame_px: height to scale to, width to crop to.

    Returns:
        uint8 (H, W, 3), red, green, blue.

    Raises:
        DataError: it cannot be read, or is too narrow.
    """
    height, width = frame_px
    try:
        with Image.open(path) as picture:
            scaled_width = round(picture.width * height / picture.height)
            size = (scaled_width, height)
            scaled = picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable image ({error}); repair or remove it") from error
    left = (scaled_width - width) // 2
    if left < 0:
        raise DataError(
            f"{path}: scaled to height {height} it is {scaled_width} pixels wide, narrower than "
            f"data.frame_px {height}x{width}"
        )
    frame = np.asarray(scaled)[:, left : left + width]
    frame.flags.writeable = False
    return frame
