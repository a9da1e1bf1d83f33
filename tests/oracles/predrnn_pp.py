"""PredRNN++'s network over a clip in plain NumPy, float64, from its equations."""

import numpy as np

from tests.oracles import causal_lstm, ghu


def predict(frames, feeds_truth, weights, decoder):
    """Predictions of frames 1 ... T - 1 of one clip (T, H, W, C).

    The memory climbs the cells and enters the first at the next step; the highway lies between the
    first two.

    Args:
        frames: the true clip.
        feeds_truth: 1 where the true frame is read; about the steps after the context alone.
        weights: of each cell by its weights' paths below it, the highway's last.
        decoder: (kernel, bias) of the 1x1 convolution.
    """
    *cells, highway = weights
    places = frames.shape[1:3]
    widths = [w["memory_reduce/bias"].size for w in cells]
    states = [(np.zeros((*places, n)), np.zeros((*places, n))) for n in widths]
    memory, z = np.zeros((*places, widths[-1])), np.zeros((*places, widths[0]))
    context, predictions = len(frames) - 1 - len(feeds_truth), []
    for t in range(len(frames) - 1):
        share = 1.0 if t < context else feeds_truth[t - context]
        x = share * frames[t] + ((1 - share) * predictions[-1] if t else 0)
        for k, cell in enumerate(cells):
            if k == 1:
                x = z = ghu.step(x, z, highway)
            x, c, memory = causal_lstm.step(x, *states[k], memory, cell)
            states[k] = (x, c)
        predictions.append(x @ decoder[0][0, 0] + decoder[1])
    return np.array(predictions)
