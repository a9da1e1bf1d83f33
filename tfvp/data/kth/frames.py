"""Frames of KTH's videos, decoded with OpenCV: how many there are, and what they show."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np


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


def read_frames(path: Path, frame_shape: tuple[int, int, int]) -> np.ndarray:
    """Decode a video, scaled bilinearly without antialiasing.

    Args:
        path: the video.
        frame_shape: height and width to scale to, where the aspect ratio is not kept, and channels:
            1 for the red one alone, which is all that a gray video needs, 3 for red, green, blue.

    Returns:
        uint8 (T, H, W, C), read-only; T is 0 for a file that is no video.
    """
    height, width, channels = frame_shape
    capture = cv2.VideoCapture(str(path))
    try:
        frames = [
            cv2.resize(rgb[..., :channels], (width, height), interpolation=cv2.INTER_LINEAR)
            for rgb in _frames(capture)
        ]
    finally:
        capture.release()
    clip = np.stack(frames) if frames else np.empty((0, height, width), np.uint8)
    clip.flags.writeable = False
    return clip.reshape(-1, height, width, channels)


def _frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Yield uint8 (H, W, 3), red, green, blue, until the video ends or breaks."""
    while True:
        there, frame = capture.read()
        if not there:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
