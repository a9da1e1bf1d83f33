"""Predictions that need no network: what any trained model must beat.

A baseline takes the context frames (B, Tc, H, W, C) in [0, 1] and a horizon and gives the predicted
frames (B, horizon, H, W, C) in [0, 1], NumPy in and out. BASELINES names them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tfvp.shapes import check_shape


def copy_last_frame(context: NDArray, horizon: int) -> NDArray:
    """Repeat the last context frame; exact as long as nothing moves.

    >>> copy_last_frame(np.arange(2.0).reshape(1, 2, 1, 1, 1), horizon=3).ravel()
    array([1., 1., 1.])
    """
    return _hold(_checked(context)[:, -1:], horizon)


def black_frame(context: NDArray, horizon: int) -> NDArray:
    """Predict zeros; their MSE is the energy of the true frame.

    >>> black_frame(np.arange(2.0).reshape(1, 2, 1, 1, 1), horizon=3).ravel()
    array([0., 0., 0.])
    """
    return _hold(np.zeros_like(_checked(context)[:, -1:]), horizon)


def context_mean(context: NDArray, horizon: int) -> NDArray:
    """Repeat the mean of the clip's own context frames.

    >>> context = np.arange(2.0).reshape(1, 2, 1, 1, 1)  # a black frame, then a white one
    >>> context_mean(context, horizon=3).ravel()
    array([0.5, 0.5, 0.5])
    """
    return _hold(_checked(context).mean(axis=1, keepdims=True), horizon)


def _checked(context: NDArray) -> NDArray:
    """Return the context; ValueError unless it has the shape of frames and holds at least one."""
    check_shape("context", context.shape, "B T H W C")
    if context.shape[1] == 0:
        raise ValueError(f"context: expected at least one frame, got shape {context.shape}")
    return context


def _hold(frame: NDArray, horizon: int) -> NDArray:
    """Repeat a frame at every step: (B, 1, H, W, C) -> (B, horizon, H, W, C)."""
    if horizon < 1:
        raise ValueError(f"horizon: expected at least 1 frame to predict, got {horizon}")
    return np.repeat(frame, horizon, axis=1)


Baseline = Callable[[NDArray, int], NDArray]

BASELINES: dict[str, Baseline] = {
    "copy_last_frame": copy_last_frame,
    "black_frame": black_frame,
    "context_mean": context_mean,
}
