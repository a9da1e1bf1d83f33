"""One step of the causal LSTM in plain NumPy, written from the specification."""

import numpy as np

from tests.oracles.convolution import convolve, normalise, sigmoid


def step(x, hidden, cell, memory, weights, forget_bias=1.0):
    """Everything without a batch axis; `weights` by our weights' paths below the cell."""

    def gates(name, norm, value, count):
        y = convolve(value, weights[f"{name}/kernel"], weights[f"{name}/bias"])
        if f"{norm}_norm/gamma" in weights:
            y = normalise(y, weights[f"{norm}_norm/gamma"], weights[f"{norm}_norm/beta"])
        return np.split(y, count, axis=-1)

    i_h, g_h, f_h, o_h = gates("temporal_state_transition", "h2c", hidden, 4)
    i_c, g_c, f_c = gates("temporal_memory_transition", "c2c", cell, 3)
    i_m, f_m, m_m = gates("spatial_memory_transition", "m2m", memory, 3)
    i_x, g_x, f_x, o_x, i2_x, g2_x, f2_x = gates("input_to_state", "x2c", x, 7)
    new_cell = sigmoid(f_x + f_h + f_c + forget_bias) * cell
    new_cell += sigmoid(i_x + i_h + i_c) * np.tanh(g_x + g_h + g_c)
    i_2, g_2, f_2, o_2 = gates("c2m", "c2m", new_cell, 4)
    new_memory = sigmoid(f_2 + f2_x + f_m + forget_bias) * np.tanh(m_m)
    new_memory += sigmoid(i_2 + i2_x + i_m) * np.tanh(g_2 + g2_x)
    out = np.tanh(o_x + o_h + o_2 + gates("m_to_o", "m2o", new_memory, 1)[0])
    both = np.concatenate([new_cell, new_memory], axis=-1)
    mix = convolve(both, weights["memory_reduce/kernel"], weights["memory_reduce/bias"])
    return out * np.tanh(mix), new_cell, new_memory
