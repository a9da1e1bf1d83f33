"""One step of every spatiotemporal LSTM in plain NumPy, written from the specification."""

import numpy as np

from tests.oracles.convolution import convolve, normalise, sigmoid


def step(x, hidden, cell, memory, weights, release):
    """Everything without a batch axis; `weights` by our weights' paths below the cell."""
    forget_bias = 0.0 if release == "paper" else 1.0

    def gates(source, value, count):
        bias = weights.get(f"conv_{source}/bias", 0.0)
        y = convolve(value, weights[f"conv_{source}/kernel"], bias)
        if f"norm_{source}/gamma" in weights:
            y = normalise(y, weights[f"norm_{source}/gamma"], weights[f"norm_{source}/beta"])
        return np.split(y, count, axis=-1)

    if release != "2017":
        i_x, f_x, g_x, i2_x, f2_x, g2_x, o_x = gates("input", x, 7)
        i_h, f_h, g_h, o_h = gates("hidden", hidden, 4)
        i_m, f_m, g_m = gates("memory", memory, 3)
        new_cell = sigmoid(f_x + f_h + forget_bias) * cell + sigmoid(i_x + i_h) * np.tanh(g_x + g_h)
        new_memory = sigmoid(f2_x + f_m + forget_bias) * memory
        new_memory += sigmoid(i2_x + i_m) * np.tanh(g2_x + g_m)
        both = np.concatenate([new_cell, new_memory], axis=-1)
        out = sigmoid(o_x + o_h + gates("out", both, 1)[0])
    else:
        i_x, g_x, f_x, o_x = gates("input", x, 4)
        i_t, g_t, f_t, o_t = gates("hidden", hidden, 4)
        i_s, g_s, f_s, o_s = gates("memory", memory, 4)
        new_cell = sigmoid(f_x + f_t + forget_bias) * cell + sigmoid(i_x + i_t) * np.tanh(g_x + g_t)
        new_memory = sigmoid(f_x + f_s + forget_bias) * memory
        new_memory += sigmoid(i_x + i_s) * np.tanh(g_x + g_s)
        both = np.concatenate([new_cell, new_memory], axis=-1)
        out = sigmoid(o_x + o_t + o_s)
    mix = convolve(both, weights["conv_mix/kernel"], weights.get("conv_mix/bias", 0.0))
    return out * np.tanh(mix), new_cell, new_memory
