"""Frames of KTH's videos, decoded with OpenCV: how many there are, and what they show."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

RED = 2  # OpenCV gives blue, green, red


class FrameCount(NamedTuple):
    """How many frames a video has."""

    decoded: int  # that can be decoded
    announced: int  # by the file's header; 0 where it says nothing


def count_frames(path: Path) -> FrameCount:
    """Decode a whole video and count its frames; a file that is no video has 0."""
    capture = cv2.VideoCapture(str(path))
    try:
        announced = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        return FrameCount(sum(1 for _ in _frames(capture)), announced)
    finally:
        capture.release()


def gray_frames(path: Path, frame_px: tuple[int, int]) -> np.ndarray:
    """Decode a gray video: its red channel, scaled bilinearly without antialiasing.

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
