"""The laws of motion of moving digits, and their drawing; nothing here is random."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def positions(start: np.ndarray, velocity: np.ndarray, frames: int) -> np.ndarray:
    """Move points for `frames` steps, the first step before the first frame.

    Args:
        start: places in the free way, float (…) in [0, 1).
        velocity: share of the free way per frame, float (…) in (-1, 1).
        frames: how many frames.

    Returns:
        the places in each frame, float (frames, …) in [0, 1].
    """
    path = np.empty((frames, *np.shape(start)))
    place = np.asarray(start)
    for frame in range(frames):
        place = place + velocity
        velocity = np.where((place <= 0) | (place >= 1), -velocity, velocity)
        place = np.minimum(np.maximum(place, 0), 1)
        path[frame] = place
    return path


def mirrored(
    start: np.ndarray, velocity: np.ndarray, frames: int, free_px: np.ndarray
) -> np.ndarray:
    """Move points that walls mirror (2 wall - place); the first frame shows the start.

    Args:
        start: places, (…, 2), each axis in [0, free_px].
        velocity: pixels per frame, (…, 2).
        frames: how many frames.
        free_px: length of the free way of each axis, (2,).

    Returns:
        the places in each frame, float (frames, …, 2), each axis in [0, free_px].
    """
    steps = np.arange(frames).reshape(-1, *[1] * start.ndim)
    # Between two mirrors a path is a straight line in a world that repeats after both ways.
    unfolded = np.mod(start + steps * velocity, 2 * free_px)
    return np.minimum(unfolded, 2 * free_px - unfolded)


def boxes(places: np.ndarray, frame_px: Sequence[int], digit_px: int) -> np.ndarray:
    """Turn places (…, 2) in [0, 1], y before x, into top left pixels, int64 (…, 2), truncated."""
    return (places * (np.asarray(frame_px) - digit_px)).astype(np.int64)


def composite(images: np.ndarray, corners: np.ndarray, frame_px: Sequence[int]) -> np.ndarray:
    """Paste digits into black frames; where they overlap the brighter pixel stays.

    Args:
        images: the digits, uint8 (digits, px, px).
        corners: top left pixel of each in each frame, int (T, digits, 2), y before x.
        frame_px: height and width of a frame.

    Returns:
        uint8 (T, H, W).
    """
    frames = np.zeros((len(corners), *frame_px), np.uint8)
    windows = sliding_window_view(frames, images.shape[1:], axis=(1, 2), writeable=True)
    every_frame = np.arange(len(corners))
    for image, corner in zip(images, corners.swapaxes(0, 1), strict=True):
        at = (every_frame, corner[:, 0], corner[:, 1])
        windows[at] = np.maximum(windows[at], image)
    return frames
