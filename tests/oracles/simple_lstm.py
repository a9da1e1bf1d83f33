"""Colonna and Manganaro's SimpleLSTM for one clip in plain NumPy, float64, as the program runs."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dense(x, layers):
    """Layers of (kernel, bias), relu after each."""
    for kernel, bias in layers:
        x = np.maximum(x @ kernel + bias, 0)
    return x


def lstm(x, state, weights):
    """One step; gates side by side in Keras' order: input, forget, candidate, output."""
    from_input, from_hidden, bias = weights
    hidden, cell = state
    i, f, g, o = np.split(x @ from_input + hidden @ from_hidden + bias, 4)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def predict(frames, steps, layers):
    """Frames (T, pixels) in [0, 255] -> (steps, pixels); a direction of the LSTM is one element.

    The first prediction is made of the output for the last frame; every further output is what
    the LSTM makes of relu of its last one. A call reads one vector, so that either direction does.
    """
    states = [(np.zeros(len(w[1])), np.zeros(len(w[1]))) for w in layers["lstm"]]
    predictions, output = [], None
    for t in range(len(frames) + steps - 1):
        x = dense(frames[t], layers["encoder"]) if t < len(frames) else output
        states = [lstm(x, s, w) for s, w in zip(states, layers["lstm"], strict=True)]
        output = np.maximum(np.concatenate([hidden for hidden, _ in states]), 0)
        if t >= len(frames) - 1:
            predictions.append(dense(output, layers["decoder"]))
    return np.array(predictions)
