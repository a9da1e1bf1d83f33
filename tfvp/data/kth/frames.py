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


def gray_frames(path: Path, frame_px: tuple[int, int]) -> np.ndarray:
    """Decode a gray video: its red channel, scaled bilinearly without antialiasing.

    Args:
        path: the video.
        frame_px: height and width to scale to; the aspect ratio is not kept.

    Returns:
        uint8 (T, H, W, 1), read-only; T is 0 for a file that is no video.
    """
    height, width = frame_px
    frames = []
    with suppress(DataError):
        for frame in Film(path):
            red = frame.pixels[..., 0]
            frames.append(cv2.resize(red, (width, height), interpolation=cv2.INTER_LINEAR))
    clip = np.stack(frames) if frames else np.empty((0, height, width), np.uint8)
    clip.flags.writeable = False
    return clip[..., None]
