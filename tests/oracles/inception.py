"""The first SimVP's translator in NumPy, its weights by their PyTorch names and in their layout."""

from collections.abc import Mapping

import numpy as np

KERNELS = (3, 5, 7, 11)


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, groups: int = 1) -> np.ndarray:
    """Zero-padded, in groups: x (C, H, W), kernel (F, C / groups, k, k) -> (F, H, W)."""
    _, height, width = x.shape
    k, inside = kernel.shape[-1], kernel.shape[1]
    padded = np.pad(x, [(0, 0), (k // 2, k // 2), (k // 2, k // 2)])
    y = np.zeros((len(kernel), height, width))
    for out in range(len(kernel)):
        first = out // (len(kernel) // groups) * inside
        for row in range(height):
            for column in range(width):
                seen = padded[first : first + inside, row : row + k, column : column + k]
                y[out, row, column] = (seen * kernel[out]).sum() + bias[out]
    return y


def group_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, groups: int) -> np.ndarray:
    """Every group of channels over all its places: (C, H, W)."""
    parts = x.reshape(groups, -1)
    centred = parts - parts.mean(axis=1, keepdims=True)
    y = (centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)).reshape(x.shape)
    return y * gamma[:, None, None] + beta[:, None, None]


def unit(x: np.ndarray, weights: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """One unit of (C, H, W)."""

    def of(layer: str) -> tuple[np.ndarray, np.ndarray]:
        return weights[f"{name}.{layer}.weight"], weights[f"{name}.{layer}.bias"]

    z, total = convolve(x, *of("conv1")), 0.0
    groups = 8 if len(z) % 8 == 0 else 1
    for j in range(len(KERNELS)):
        y = convolve(z, *of(f"layers.{j}.conv"), groups)
        y = group_norm(y, *of(f"layers.{j}.norm"), groups)
        total = total + np.where(y > 0, y, 0.2 * y)
    return np.asarray(total)


def translate(x: np.ndarray, weights: Mapping[str, np.ndarray], blocks: int) -> np.ndarray:
    """All units of (C, H, W); those up read the ones down beside the one before."""
    skips = []
    for i in range(blocks):
        x = unit(x, weights, f"hid.enc.{i}")
        skips.append(x)
    x = unit(x, weights, "hid.dec.0")
    for i in range(1, blocks):
        x = unit(np.concatenate([x, skips[blocks - 1 - i]]), weights, f"hid.dec.{i}")
    return x
