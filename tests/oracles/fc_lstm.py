"""One step of the peephole LSTM in plain NumPy, float64, one unit at a time."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(x, h, c, weights, squash=np.tanh):
    """Take one step: x (D,), h and c (n,); returns the new h and c.

    `weights`: "x" (D, 4, n) or None, "h" (n, 4, n), "b" (4, n) with gates i, f, c, o; "peephole"
    (3, n) of i, f, o.
    """
    new_h, new_c = np.zeros_like(h), np.zeros_like(c)
    for unit in range(len(h)):

        def total(gate, unit=unit):
            sum_ = h @ weights["h"][:, gate, unit] + weights["b"][gate, unit]
            return sum_ if weights["x"] is None else sum_ + x @ weights["x"][:, gate, unit]

        see_i, see_f, see_o = weights["peephole"][:, unit]
        i = sigmoid(total(0) + see_i * c[unit])
        f = sigmoid(total(1) + see_f * c[unit])
        new_c[unit] = f * c[unit] + i * squash(total(2))
        new_h[unit] = sigmoid(total(3) + see_o * new_c[unit]) * squash(new_c[unit])
    return new_h, new_c
