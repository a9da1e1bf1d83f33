"""Defines every metric, each as a number per frame; METRICS lists them by name.

A metric takes the true and the predicted frames, (B, T, H, W, C) in [0, 1], and returns one float64
number for each frame, (B, T). The prediction is clipped to [0, 1] first, as in all released
evaluation programs that we follow; the truth must lie in that range already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfvp.evaluation.ssim import GAUSSIAN_11, UNIFORM_7, structural_similarity
from tfvp.shapes import check_shape, describe

PerFrame = NDArray[np.float64]

CROSS_ENTROPY_EPSILON = 1e-7
_PIXEL_AXES = (2, 3, 4)


@dataclass(frozen=True)
class Metric:
    """A metric: the function, and what a reader must know about its numbers."""

    measure: Callable[[ArrayLike, ArrayLike], PerFrame]
    title: str
    unit: str
    better: Literal["lower", "higher"]
    definition: str

    def __call__(self, truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
        """Measure: truth and prediction (B, T, H, W, C) in [0, 1] -> (B, T)."""
        return self.measure(truth, prediction)


def checked_frames(truth: ArrayLike, prediction: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return truth and clipped prediction as arrays, (B, T, H, W, C) in [0, 1].

    Raises:
        ValueError: the shapes differ or are not (B, T, H, W, C), the truth leaves [0, 1], or the
            prediction is not finite.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    check_shape("truth", truth.shape, "B T H W C")
    if prediction.shape != truth.shape:
        wanted, found = describe(truth.shape), describe(prediction.shape)
        raise ValueError(f"prediction: expected the truth's shape {wanted}, got {found}")
    if 0 in truth.shape:
        raise ValueError(f"truth: expected at least one frame, got {describe(truth.shape)}")
    low, high = truth.min(), truth.max()
    if not (low >= 0 and high <= 1):  # written so that NaN fails too
        hint = "; divide uint8 frames by 255" if high > 1 else ""
        raise ValueError(f"truth: expected values in [0, 1], got {low:g} to {high:g}{hint}")
    if not np.isfinite(prediction).all():
        raise ValueError("prediction: expected finite values, got NaN or infinity")
    return truth, np.clip(prediction, 0, 1)


def mse(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """Squared error summed over the frame; a constant error of 0.1 on 64x64x1 is 40.96.

    >>> mse(np.zeros((1, 2, 4, 4, 1)), np.full((1, 2, 4, 4, 1), 0.5))
    array([[4., 4.]])
    """
    x, y = checked_frames(truth, prediction)
    error = np.subtract(x, y, dtype=np.float64)
    return np.square(error, out=error).sum(axis=_PIXEL_AXES)


def mae(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """Absolute error summed over the frame; a constant error of 0.1 on 64x64x1 is 409.6.

    >>> mae(np.zeros((1, 2, 4, 4, 1)), np.full((1, 2, 4, 4, 1), 0.5))
    array([[8., 8.]])
    """
    x, y = checked_frames(truth, prediction)
    error = np.subtract(x, y, dtype=np.float64)
    return np.abs(error, out=error).sum(axis=_PIXEL_AXES)


def ssim_thesis(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """SSIM as the thesis's program computed it: for floats scikit-image assumed data range 2.

    >>> ssim_thesis(np.zeros((1, 1, 11, 11, 1)), np.full((1, 1, 11, 11, 1), 0.5)).round(7)
    array([[0.0015974]])
    """
    x, y = checked_frames(truth, prediction)
    return structural_similarity(x, y, window=UNIFORM_7, data_range=2.0)


def ssim_range1(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """SSIM with data range 1.

    >>> ssim_range1(np.zeros((1, 1, 11, 11, 1)), np.full((1, 1, 11, 11, 1), 0.5)).round(8)
    array([[0.00039984]])
    """
    x, y = checked_frames(truth, prediction)
    return structural_similarity(x, y, window=UNIFORM_7, data_range=1.0)


def ssim_uint8(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """SSIM of frames truncated to bytes, as in PredRNN's program.

    >>> ssim_uint8(np.zeros((1, 1, 11, 11, 1)), np.full((1, 1, 11, 11, 1), 0.5)).round(8)
    array([[0.00040299]])
    """
    x, y = checked_frames(truth, prediction)
    return structural_similarity(_bytes(x), _bytes(y), window=UNIFORM_7, data_range=255.0)


def ssim_gaussian(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """SSIM with the Gaussian window of Wang et al. 2004.

    >>> ssim_gaussian(np.zeros((1, 1, 11, 11, 1)), np.full((1, 1, 11, 11, 1), 0.5)).round(8)
    array([[0.00039984]])
    """
    x, y = checked_frames(truth, prediction)
    return structural_similarity(x, y, window=GAUSSIAN_11, data_range=1.0)


def psnr_uint8(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """PSNR in dB of frames truncated to bytes, as in the thesis's program.

    Frames whose bytes are equal give infinity, as released; so does every mean they enter.

    >>> psnr_uint8(np.zeros((1, 1, 11, 11, 1)), np.full((1, 1, 11, 11, 1), 0.1)).round(3)
    array([[20.172]])
    """
    x, y = checked_frames(truth, prediction)
    error = np.subtract(_bytes(x), _bytes(y), dtype=np.float64)
    return _decibels(np.square(error, out=error).mean(axis=_PIXEL_AXES), peak=255.0)


def psnr_float(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """PSNR in dB at peak 1; a constant error of 0.1 is 20 dB, equal frames give infinity.

    >>> psnr_float(np.zeros((1, 1, 4, 4, 1)), np.full((1, 1, 4, 4, 1), 0.1)).round(6)
    array([[20.]])
    """
    x, y = checked_frames(truth, prediction)
    error = np.subtract(x, y, dtype=np.float64)
    return _decibels(np.square(error, out=error).mean(axis=_PIXEL_AXES), peak=1.0)


def cross_entropy(truth: ArrayLike, prediction: ArrayLike) -> PerFrame:
    """Binary cross entropy in nats, summed over the frame, epsilon 1e-7.

    The prediction is moved into [1e-7, 1 - 1e-7], so a wrong 0 or 1 costs 16.118 nats and no more.

    >>> cross_entropy(np.zeros((1, 1, 64, 64, 1)), np.full((1, 1, 64, 64, 1), 0.5)).round(2)
    array([[2839.13]])
    """
    (x, y), least = checked_frames(truth, prediction), CROSS_ENTROPY_EPSILON
    nats = np.empty(x.shape[:2])
    for clip in range(len(x)):  # one clip at a time stays in the cache
        t, p = x[clip].astype(np.float64), np.clip(y[clip].astype(np.float64), least, 1 - least)
        nats[clip] = -(t * np.log(p) + (1 - t) * np.log1p(-p)).sum(axis=(1, 2, 3))
    return nats


def _bytes(frames: NDArray) -> NDArray[np.uint8]:
    """Truncate frames in [0, 1] to bytes, without rounding; 0.1 becomes 25.

    The product is computed in float32, as in the released programs.
    """
    return (frames.astype(np.float32) * np.float32(255)).astype(np.uint8)


def _decibels(mean_square: PerFrame, *, peak: float) -> PerFrame:
    """Compute 10 log10(peak² / mean square), which is infinity for 0."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / mean_square)


METRICS: dict[str, Metric] = {
    "mse": Metric(
        mse,
        title="MSE",
        unit="squared error per frame",
        better="lower",
        definition="squared error summed over the frame's pixels and channels, values in [0, 1], "
        "prediction clipped",
    ),
    "mae": Metric(
        mae,
        title="MAE",
        unit="absolute error per frame",
        better="lower",
        definition="absolute error summed over the frame's pixels and channels, values in [0, 1], "
        "prediction clipped",
    ),
    "ssim_thesis": Metric(
        ssim_thesis,
        title="SSIM (thesis)",
        unit="1",
        better="higher",
        definition="scikit-image's SSIM: 7x7 uniform window, floats in [0, 1], data range 2, "
        "prediction clipped",
    ),
    "ssim_range1": Metric(
        ssim_range1,
        title="SSIM (range 1)",
        unit="1",
        better="higher",
        definition="scikit-image's SSIM: 7x7 uniform window, floats in [0, 1], data range 1, "
        "prediction clipped",
    ),
    "ssim_uint8": Metric(
        ssim_uint8,
        title="SSIM (uint8)",
        unit="1",
        better="higher",
        definition="scikit-image's SSIM: 7x7 uniform window, frames truncated to bytes, data range "
        "255, prediction clipped",
    ),
    "ssim_gaussian": Metric(
        ssim_gaussian,
        title="SSIM (Gaussian)",
        unit="1",
        better="higher",
        definition="scikit-image's SSIM: 11x11 Gaussian window, sigma 1.5 px, floats in [0, 1], "
        "data range 1, prediction clipped",
    ),
    "psnr_uint8": Metric(
        psnr_uint8,
        title="PSNR (uint8)",
        unit="dB",
        better="higher",
        definition="PSNR of frames truncated to bytes, peak 255, prediction clipped; infinite for "
        "equal frames",
    ),
    "psnr_float": Metric(
        psnr_float,
        title="PSNR (float)",
        unit="dB",
        better="higher",
        definition="PSNR of floats in [0, 1], peak 1, prediction clipped; infinite where equal",
    ),
    "cross_entropy": Metric(
        cross_entropy,
        title="Cross entropy",
        unit="nats per frame",
        better="lower",
        definition="binary cross entropy summed over the frame's pixels and channels, natural "
        "logarithm, epsilon 1e-7, prediction clipped",
    ),
}
