"""Frames of KITTI's image files, read with Pillow and brought to size as PredNet's program does."""

import functools
from pathlib import Path

import numpy as np
from PIL import Image

from tfvp.errors import DataError

KEPT_FRAMES = 512  # images in memory, so that windows that overlap read each once


@functools.lru_cache(maxsize=KEPT_FRAMES)
def scaled_crop(path: Path, frame_px: tuple[int, int]) -> np.ndarray:
    """Read an image as PredNet's preparation does: scaled to the height, the middle columns kept.

    Scaling is Pillow's bilinear one, which averages when it makes smaller. An image of 375x1242
    becomes 128x424, of which columns 132-291 are kept for a width of 160.

    Args:
        path: a picture of any kind that Pillow reads.
        frame_px: height to scale to, width to crop to.

    Returns:
        uint8 (H, W, 3), red, green, blue, read-only.

    Raises:
        DataError: the image cannot be read, or is too narrow.
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
