"""The Video Pixel Network's masked convolution and residual blocks in plain NumPy, float64."""

import numpy as np

from tests.oracles.convolution import sigmoid


def masked_convolve(x, kernel, bias, *, sees_centre):
    """Sum over the places before each one in raster order; x (H, W, C), kernel (k, k, C, F)."""
    side, reach = kernel.shape[0], kernel.shape[0] // 2
    height, width, _ = x.shape
    y = np.tile(bias, (height, width, 1)).astype(float)
    for row in range(height):
        for column in range(width):
            for i in range(side):
                for j in range(side):
                    r, c = row + i - reach, column + j - reach
                    inside = 0 <= r < height and 0 <= c < width
                    before = r * width + c < row * width + column
                    if inside and (before or (sees_centre and (r, c) == (row, column))):
                        y[row, column] += x[r, c] @ kernel[i, j]
    return y


def multiplicative_unit(h, kernels, biases):
    """MU(h) = σ(W1 * h) ∘ tanh(σ(W2 * h) ∘ h + σ(W3 * h) ∘ tanh(W4 * h)), mask B."""
    one, two, three, four = (
        masked_convolve(h, kernel, bias, sees_centre=True)
        for kernel, bias in zip(kernels, biases, strict=True)
    )
    return sigmoid(one) * np.tanh(sigmoid(two) * h + sigmoid(three) * np.tanh(four))


def multiplicative_block(x, first, units, last):
    """X + W' MU(MU(W x)); `first` and `last` (matrix, bias), `units` two (kernels, biases)."""
    h = x @ first[0] + first[1]
    for kernels, biases in units:
        h = multiplicative_unit(h, kernels, biases)
    return x + h @ last[0] + last[1]


def relu_block(x, first, middle, last):
    """X + W' relu(W1 * relu(W relu(x))), mask B; each a pair of a kernel and a bias."""
    h = np.maximum(np.maximum(x, 0) @ first[0] + first[1], 0)
    h = np.maximum(masked_convolve(h, *middle, sees_centre=True), 0)
    return x + h @ last[0] + last[1]
