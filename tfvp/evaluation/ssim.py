"""Structural similarity of whole batches of frames, by scikit-image's definition.

Wang et al. 2004 (doi:10.1109/TIP.2003.819861), eq. 13, as `skimage.metrics.structural_similarity`
computes it: K1 0.01, K2 0.03, the mean of the map without the border where the window would leave
the frame. A window is the product of one row of weights with itself, so the frames of a batch are
stacked into one tall image and filtered along each axis once: what the filter mixes at the seams is
exactly the border that is cut off.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

FRAMES_AT_ONCE = 16  # work arrays of 64x64 frames stay in the cache: 3 times as fast as 10,000


class Window(NamedTuple):
    """The neighbourhood whose mean, variance and covariance are compared."""

    weights: NDArray[np.float64]  # one row, odd length, sum 1; the window is its outer product
    sample_covariance: bool  # divide by N - 1, not by N


def _gaussian(radius: int, sigma_px: float) -> NDArray[np.float64]:
    """Compute one row of a Gaussian window, with sum 1."""
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)
    return weights / weights.sum()


UNIFORM_7 = Window(np.full(7, 1 / 7), sample_covariance=True)
"""7x7 pixels of equal weight: scikit-image's default."""

GAUSSIAN_11 = Window(_gaussian(5, 1.5), sample_covariance=False)
"""11x11 pixels, standard deviation 1.5 px: the window of Wang et al. 2004."""


def structural_similarity(
    truth: NDArray, prediction: NDArray, *, window: Window, data_range: float
) -> NDArray[np.float64]:
    """Compute the SSIM of each frame, the mean over its channels; equal frames give 1.

    Args:
        truth: (B, T, H, W, C), any scale.
        prediction: like `truth`.
        window: UNIFORM_7 or GAUSSIAN_11.
        data_range: the width of the scale: 1.0 for [0, 1], 255.0 for bytes.

    Returns:
        (B, T) in [-1, 1]. Black against a constant 0.5 at data range 1 is C1 / (0.25 + C1) =
        0.00039984 with any window, since only the means differ.

    Raises:
        ValueError: a frame is smaller than the window.
    """
    batch, time, height, width, channels = truth.shape
    side = len(window.weights)
    if min(height, width) < side:
        raise ValueError(
            f"ssim: the window is {side}x{side} px and needs frames at least that large, got "
            f"{height}x{width}; measure mse, mae or psnr_float instead"
        )
    x = np.moveaxis(truth, -1, 2).reshape(-1, height, width)
    y = np.moveaxis(prediction, -1, 2).reshape(-1, height, width)
    similarity = np.empty(len(x))
    maps = np.zeros((4, FRAMES_AT_ONCE, height, width))
    for start in range(0, len(x), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        count = len(x[part])
        maps[0, :count], maps[1, :count] = x[part], y[part]
        similarity[part] = _mean_similarity(maps, window, data_range)[:count]
    return similarity.reshape(batch, time, channels).mean(axis=-1)


def _mean_similarity(maps: NDArray, window: Window, data_range: float) -> NDArray[np.float64]:
    """Compute the mean similarity of the frames x = maps[0] and y = maps[1]: (4, N, H, W) -> (N,).

    maps[2] and maps[3] are overwritten with x·y and x² + y². Everything else is computed in place
    too, since new arrays for every step cost more than the arithmetic.
    """
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    pixels = len(window.weights) ** 2
    norm = pixels / (pixels - 1) if window.sample_covariance else 1.0
    x, y = maps[0], maps[1]
    np.multiply(x, y, out=maps[2])
    np.add(x * x, y * y, out=maps[3])
    mean_x, mean_y, covariance, variances = _local_means(maps, window.weights)

    product = mean_x * mean_y
    squares = np.square(mean_x, out=mean_x)
    squares += np.square(mean_y, out=mean_y)
    covariance -= product
    covariance *= norm
    variances -= squares
    variances *= norm

    numerator = np.multiply(2 * product + c1, 2 * covariance + c2, out=product)
    squares += c1
    variances += c2
    squares *= variances
    numerator /= squares
    return numerator.mean(axis=(1, 2))


def _local_means(maps: NDArray, weights: NDArray[np.float64]) -> NDArray:
    """Filter where the window lies inside: (4, N, H, W) -> (4, N, H - w + 1, W - w + 1)."""
    height, width = maps.shape[-2:]
    tall = maps.reshape(-1, width)
    means = cv2.sepFilter2D(tall, cv2.CV_64F, weights, weights).reshape(maps.shape)
    border = len(weights) // 2
    return means[..., border : height - border, border : width - border]
