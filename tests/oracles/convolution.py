"""Same-padded 2D convolution, sigmoid and layer norm in plain NumPy, one output place at a time."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolve(x, kernel, bias=0.0):
    """Convolve x (H, W, C), kernel (k, k, C, F), k odd -> (H, W, F)."""
    side = kernel.shape[0]
    height, width, _ = x.shape
    padded = np.pad(x, [(side // 2, side // 2), (side // 2, side // 2), (0, 0)])
    y = np.zeros((height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            seen = padded[row : row + side, column : column + side]
            y[row, column] = np.tensordot(seen, kernel, axes=3) + bias
    return y


def normalise(x, gamma, beta):
    """Statistics of the whole sample; gamma and beta (C,) or (H, W, C)."""
    return gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-5) + beta
