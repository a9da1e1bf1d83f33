"""One step of the Eidetic 3D LSTM in plain NumPy, float64, written from the specification."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolve(x, kernel, bias):
    """Same-padded 3D convolution, one output place at a time; x (D, H, W, C)."""
    kt, kh, kw, _, filters = kernel.shape
    depth, height, width, _ = x.shape
    before = [(k - 1) // 2 for k in (kt, kh, kw)]
    after = [k - 1 - b for k, b in zip((kt, kh, kw), before, strict=True)]
    padded = np.pad(x, [*zip(before, after, strict=True), (0, 0)])
    y = np.zeros((depth, height, width, filters))
    for t in range(depth):
        for row in range(height):
            for column in range(width):
                seen = padded[t : t + kt, row : row + kh, column : column + kw]
                y[t, row, column] = np.tensordot(seen, kernel, axes=4) + bias
    return y


def normalise(x, gamma, beta):
    return gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-12) + beta


def recall(query, history):
    channels = query.shape[-1]
    keys = history.reshape(-1, channels)
    values = []
    for q in query.reshape(-1, channels):
        scores = np.exp(keys @ q - (keys @ q).max())
        values.append((scores / scores.sum()) @ keys)
    return np.reshape(values, query.shape)


def step(x, hidden, cell, memory, history, weights, forget_bias=1.0):
    """Everything without a batch axis: x (D, H, W, Cin), history (L, H, W, C) or L = 0.

    `weights` holds "conv3d/kernel", "hidden/gamma", … under the released names. Returns hidden,
    cell, the new memory (whether it is handed on is the caller's choice) and the history.
    """

    def gates(value, convolution, norm, count):
        y = convolve(value, weights[f"{convolution}/kernel"], weights[f"{convolution}/bias"])
        y = normalise(y, weights[f"{norm}/gamma"], weights[f"{norm}/beta"])
        return np.split(y, count, axis=-1)

    i_h, g_h, r_h, o_h = gates(hidden, "conv3d", "hidden", 4)
    i_x, g_x, r_x, o_x, i2_x, g2_x, f2_x = gates(x, "conv3d_1", "inputs", 7)
    i_m, f_m, g_m, m_m = gates(memory, "conv3d_2", "global_memory", 4)
    history = np.concatenate([history, cell])
    read = recall(sigmoid(r_x + r_h), history)
    kept = normalise(cell + read, weights["self_attn/gamma"], weights["self_attn/beta"])
    new_cell = kept + sigmoid(i_x + i_h) * np.tanh(g_x + g_h)
    forget = sigmoid(f2_x + f_m + forget_bias)
    new_memory = forget * np.tanh(m_m) + sigmoid(i2_x + i_m) * np.tanh(g2_x + g_m)
    out = o_x + o_h
    out = out + convolve(new_cell, weights["conv3d_3/kernel"], weights["conv3d_3/bias"])
    out = out + convolve(new_memory, weights["conv3d_4/kernel"], weights["conv3d_4/bias"])
    both = np.concatenate([new_cell, new_memory], axis=-1)
    mix = convolve(both, weights["conv3d_5/kernel"], weights["conv3d_5/bias"])
    return np.tanh(mix) * sigmoid(np.tanh(out)), new_cell, new_memory, history
