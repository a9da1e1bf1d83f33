"""Colours that show more than frames: a flow, and a prediction over the truth."""

import numpy as np
from numpy.typing import NDArray


def flow_colours(flow: NDArray) -> NDArray:
    """Draw a flow as colours: the hue says from where a pixel is read, white is no motion.

    Flow (T, H, W, 2), rows and columns in pixels -> colours (T, H, W, 3) in [0, 1]. Red is from the
    right, then clockwise yellow-green (below), cyan (left) and violet (above). The longest vector
    of the clip is fully saturated.
    """
    rows, columns = flow[..., 0], flow[..., 1]
    length = np.hypot(rows, columns)
    hue = np.arctan2(rows, columns) / (2 * np.pi) % 1
    saturation = length / max(float(length.max()), 1e-9)
    # one channel of hue, saturation, value at value 1: 1 - saturation * (how far from its hue)
    offsets = np.stack([(hue * 6 + shift) % 6 for shift in (5, 3, 1)], axis=-1)
    distance = np.clip(np.minimum(offsets, 4 - offsets), 0, 1)
    return 1 - saturation[..., None] * distance


def overlap(truth: NDArray, prediction: NDArray) -> NDArray:
    """Draw the truth in white over the prediction in red, as in Feist 2021 (figures 4.4 to 4.8).

    Both are (T, H, W, C) in [0, 1], and colours are replaced by their mean. Returns (T, H, W, 3):
    red is the larger of the two, green and blue are the truth.
    """
    true = truth.mean(axis=-1, keepdims=True)
    red = np.maximum(true, prediction.mean(axis=-1, keepdims=True))
    return np.concatenate([red, true, true], axis=-1)
