"""One layer of PredNet for one step in plain NumPy, written from the specification."""

import numpy as np

from tests.oracles.convolution import convolve


def step(target, hidden, cell, error, weights, above=None, pixel_max=None):
    """Everything without a batch axis. Returns R, c, Â, E and, if there is a layer above, its A."""

    def conv(name, value):
        return convolve(value, weights[f"layer_{name}/kernel"], weights[f"layer_{name}/bias"])

    def hard_sigmoid(x):
        return np.minimum(np.maximum(x / 5 + 0.5, 0), 1)

    seen = [hidden, error]
    if above is not None:
        height, width, channels = above.shape
        wide = np.zeros((2 * height, 2 * width, channels))
        for row in range(2 * height):
            for column in range(2 * width):
                wide[row, column] = above[row // 2, column // 2]
        seen.append(wide)
    seen = np.concatenate(seen, axis=-1)
    i, f, o = (hard_sigmoid(conv(gate, seen)) for gate in "ifo")
    cell = f * cell + i * np.tanh(conv("c", seen))
    hidden = o * np.tanh(cell)
    predicted = np.maximum(conv("ahat", hidden), 0)
    if pixel_max is not None:
        predicted = np.minimum(predicted, pixel_max)
    halves = [np.maximum(predicted - target, 0), np.maximum(target - predicted, 0)]
    error = np.concatenate(halves, axis=-1)
    up = None
    if "layer_a/kernel" in weights:
        full = np.maximum(conv("a", error), 0)
        rows, columns = full.shape[0] // 2, full.shape[1] // 2
        up = full.reshape(rows, 2, columns, 2, -1).max(axis=(1, 3))
    return hidden, cell, predicted, error, up
