"""One step of the convolutional LSTM in plain NumPy, float64, written from the paper."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolve(x, kernel):
    """Same-padded convolution, one output place at a time; x (H, W, C), kernel (kh, kw, C, F)."""
    kh, kw, _, filters = kernel.shape
    height, width, _ = x.shape
    padded = np.pad(x, [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in (kh, kw)] + [(0, 0)])
    y = np.zeros((height, width, filters))
    for row in range(height):
        for column in range(width):
            y[row, column] = np.tensordot(padded[row : row + kh, column : column + kw], kernel, 3)
    return y


def see(peephole, c):
    """What a gate sees of a cell: nothing, a weight a channel or place, or a convolution."""
    if peephole is None:
        return 0.0
    return convolve(c, peephole) if peephole.ndim == 4 else peephole * c


def step(x, h, c, weights):
    """Take one step: x (H, W, Cin), h and c (H, W, C); returns the new h and c.

    `weights`: "x" (four kernels of i, f, c, o, or None: no input), "h" (four kernels), "b" (four
    biases), "peephole" (of i, f, o, or three times None; that of o may be "candidate": it looks at
    the new cell through the candidate's kernel for h and its bias, as Dittrich's program).
    """
    xi, xf, xc, xo = (0.0 if w is None else convolve(x, w) for w in weights["x"])
    hi, hf, hc, ho = (convolve(h, w) for w in weights["h"])
    bi, bf, bc, bo = weights["b"]
    ci, cf, co = weights["peephole"]
    i = sigmoid(xi + hi + see(ci, c) + bi)
    f = sigmoid(xf + hf + see(cf, c) + bf)
    new = f * c + i * np.tanh(xc + hc + bc)
    seen = convolve(new, weights["h"][2]) + bc if isinstance(co, str) else see(co, new)
    o = sigmoid(xo + ho + seen + bo)
    return o * np.tanh(new), new
