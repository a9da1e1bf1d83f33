"""One step of the gradient highway unit in plain NumPy, written from the specification."""

import numpy as np

from tests.oracles.convolution import convolve, normalise, sigmoid


def step(x, highway, weights):
    """Everything without a batch axis; `weights` by our weights' paths below the unit."""
    total = 0.0
    for name, value in (("input_to_state", x), ("state_to_state", highway)):
        y = convolve(value, weights[f"{name}/kernel"], weights[f"{name}/bias"])
        if f"{name}_norm/gamma" in weights:
            y = normalise(y, weights[f"{name}_norm/gamma"], weights[f"{name}_norm/beta"])
        total = total + y
    p, u = np.split(total, 2, axis=-1)
    return sigmoid(u) * np.tanh(p) + (1 - sigmoid(u)) * highway
