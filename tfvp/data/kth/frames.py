"""Frames of KTH's videos: how many there are, and what they show."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tfvp.errors import DataError
from tfvp.system.video import Film


class FrameCount(NamedTuple):
    """How many frames a video has."""

    decoded: int  # that can be decoded
    announced: int  # by the file's header; 0 where it says nothing


def count_frames(path: Path) -> FrameCount:
    """Decode a whole video and count its frames; a file that is no video has 0."""
    film = Film(path)
    with suppress(DataError):
        for _ in film:
            pass
    return FrameCount(film.decoded, film.announced)


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
    frames = []
    with suppress(DataError):
        for frame in Film(path):
            shown = frame.pixels[..., :channels]
            frames.append(cv2.resize(shown, (width, height), interpolation=cv2.INTER_LINEAR))
    clip = np.stack(frames) if frames else np.empty((0, height, width), np.uint8)
    clip.flags.writeable = False
    return clip.reshape(-1, height, width, channels)
