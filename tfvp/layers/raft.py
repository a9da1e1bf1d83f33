"""RAFT-small, optical flow between two pictures (Teed and Deng 2020)."""

import keras
import numpy as np
from keras import ops

from tfvp.layers.raft_correlation import LEVELS, correlation_pyramid, look_up
from tfvp.layers.raft_encoder import RAFTEncoder
from tfvp.layers.raft_update import HIDDEN, INPUT, RAFTUpdate

SHRINKING = 8  # the sides of a picture over those of its map
LEAST_PX = SHRINKING * 2 ** (LEVELS - 1)  # of a side: the smallest map of the pyramid has 1


class RAFTSmall(keras.layers.Layer):
    """The small network of Teed and Deng 2020 (arXiv:2003.12039) as in princeton-vl/RAFT.

    Two pictures (B, H, W, 3) in [0, 1], H and W multiples of 8 and at least 64 -> the flow
    (B, H, W, 2) in pixels, x (columns) and y (rows): what is at p in the first picture is at
    p + flow in the second.

        f_1, f_2 = features of the pictures     [h, c] = context of the first: tanh(h), relu(c)
        flow = 0, then so many times:   h, Δ = update(h, c, correlations of f_1 with f_2 around
                                        p + flow, flow)        flow ← flow + Δ

    on maps of an eighth of the size; the flow is then 8 times as long and enlarged bilinearly with
    corners on corners. 990,162 parameters, which are not trained here: they start as zero, by which
    no motion is found, and are loaded.

    Below 128 pixels the released program divides by zero, where the smallest map of its pyramid has
    one place; here that map is read without a division, see `look_up`.

    >>> pictures = ops.zeros((1, 64, 64, 3))
    >>> flow = RAFTSmall(updates=1)(pictures, pictures)
    >>> tuple(flow.shape), float(ops.max(ops.abs(flow)))  # zero weights find no motion
    ((1, 64, 64, 2), 0.0)

    Args:
        updates: of the flow; the program's evaluation has 12 by default.
    """

    def __init__(self, updates: int = 12, **kwargs):
        super().__init__(**kwargs)
        self.updates = updates
        policy = self.dtype_policy
        self.features = RAFTEncoder(128, True, dtype=policy, name="fnet")
        self.context = RAFTEncoder(HIDDEN + INPUT, False, dtype=policy, name="cnet")
        self.update = RAFTUpdate(dtype=policy, name="update_block")

    def build(self, *_):
        """Create every weight; the pictures' size does not matter."""
        for encoder in (self.features, self.context):
            encoder.build((None, None, None, 3))
        self.update.build((None, None, None, None))
        self.built = True

    def call(self, first, second):
        """Estimate the flow from `first` to `second`."""
        return enlarge(SHRINKING * self.small_flows(first, second)[-1], SHRINKING)

    def small_flows(self, first, second) -> list:
        """Return the flow after each update, in pixels of the map: (B, H/8, W/8, 2) each."""
        first, second = 2 * first - 1, 2 * second - 1
        pyramid = correlation_pyramid(self.features(first), self.features(second))
        context = self.context(first)
        hidden, context = ops.tanh(context[..., :HIDDEN]), ops.relu(context[..., HIDDEN:])
        rows, columns = context.shape[1:3]
        x, y = np.meshgrid(np.arange(columns), np.arange(rows))
        start = ops.convert_to_tensor(np.stack([x, y], axis=-1), dtype=context.dtype)
        flow, flows = ops.zeros_like(context[..., :2]), []
        for _ in range(self.updates):
            correlations = look_up(pyramid, start + flow)
            hidden, change = self.update(hidden, context, correlations, flow)
            flow = flow + change
            flows.append(flow)
        return flows


def enlarge(x, factor: int):
    """Enlarge bilinearly, corners on corners: (B, h, w, C) -> (B, factor h, factor w, C).

    >>> x = ops.reshape(ops.array([0.0, 3.0]), (1, 1, 2, 1))
    >>> [round(float(value), 3) for value in enlarge(x, 2)[0, 0, :, 0]]
    [0.0, 1.0, 2.0, 3.0]
    """
    along_rows, along_columns = (_stretched(size, factor) for size in x.shape[1:3])
    return ops.einsum("Yh,bhwc,Xw->bYXc", along_rows, x, along_columns)


def _stretched(size: int, factor: int) -> np.ndarray:
    """Return the share of each of `size` values in each of `factor` times as many."""
    places = np.linspace(0, size - 1, factor * size, dtype="float32")
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size, dtype="float32")))
