"""One step of the spatio-temporal autoencoder in plain NumPy, float64, place by place."""

import numpy as np

from tests.oracles import conv_lstm
from tests.oracles.conv_lstm import convolve, sigmoid

LIMIT = 0.5


def map_of(frame, kernel, bias):
    """The frame (H, W, C) as a map of half its size: tanh, then the largest of four."""
    y = np.tanh(convolve(frame, kernel) + bias)
    height, width, channels = y.shape
    return y.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))


def flow_of(hidden, convolutions, last):
    """In halves of the map's side: (h, w, C) -> (h, w, 2), rows and columns.

    `last`: the kernel (2, 2) and the bias of a 1x1 convolution, whose output is in places, or two
    factors.
    """
    for kernel, bias in convolutions:
        hidden = convolve(hidden, kernel) + bias
    if isinstance(last, tuple):
        sides = np.array(hidden.shape[:2])
        return np.clip((hidden @ last[0] + last[1]) * 2 / sides, -LIMIT, LIMIT)
    return np.clip(hidden * last, -LIMIT, LIMIT)


def sample(seen, flow):
    """Each place read at its own plus the flow, on a grid from -1 to 1 between outmost centres."""
    height, width, _ = seen.shape
    moved = np.zeros_like(seen)
    for row, y in enumerate(np.linspace(-1, 1, height)):
        for column, x in enumerate(np.linspace(-1, 1, width)):
            v = (y + flow[row, column, 0] + 1) * (height - 1) / 2
            u = (x + flow[row, column, 1] + 1) * (width - 1) / 2
            for r in range(height):
                for c in range(width):
                    weight = max(0.0, 1 - abs(v - r)) * max(0.0, 1 - abs(u - c))
                    moved[row, column] += weight * seen[r, c]
    return moved


def step(frame, h, c, weights, *, sigmoid_output):
    """The next frame, the flow, and the cell's new states.

    `weights`: "encoder", "decoder" (kernel, bias), "cell" as in `conv_lstm.step`, "flow" a list of
    such pairs, and "last" as in `flow_of`.
    """
    seen = map_of(frame, *weights["encoder"])
    h, c = conv_lstm.step(seen, h, c, weights["cell"])
    flow = flow_of(h, weights["flow"], weights["last"])
    large = np.kron(sample(seen, flow), np.ones((2, 2, 1)))
    kernel, bias = weights["decoder"]
    predicted = convolve(large, kernel) + bias
    return (sigmoid(predicted) if sigmoid_output else predicted), flow, h, c


def loss(truth, predictions, flows, *, weight, delta):
    """Sum of squares plus `weight` Huber of every difference (-1, 0, 1), over (T, …) frames."""
    total = ((truth - predictions) ** 2).sum()
    for flow in flows:
        padded = np.pad(flow, [(1, 1), (1, 1), (0, 0)])
        for one, other in (
            (padded[2:, 1:-1], padded[:-2, 1:-1]),
            (padded[1:-1, 2:], padded[1:-1, :-2]),
        ):
            a = np.abs(one - other)
            huber = np.where(a <= delta, a**2 / 2, delta * (a - delta / 2))
            total += weight * huber.sum()
    return total
