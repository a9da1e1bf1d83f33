"""RAFT-small's update of a flow: a convolutional GRU that reads correlations and the flow."""

import keras
from keras import ops

from tfvp.layers.raft_correlation import READ
from tfvp.layers.raft_encoder import PaddedConv

HIDDEN, INPUT = 96, 64  # channels of the GRU's state, and of the context that it reads
# name -> filters, side of the kernel, channels read
_CONVS = {
    "convc1": (96, 1, READ),
    "convf1": (64, 7, 2),
    "convf2": (32, 3, 64),
    "conv": (80, 3, 96 + 32),
    "convz": (HIDDEN, 3, HIDDEN + INPUT + 82),
    "convr": (HIDDEN, 3, HIDDEN + INPUT + 82),
    "convq": (HIDDEN, 3, HIDDEN + INPUT + 82),
    "flow1": (128, 3, HIDDEN),
    "flow2": (2, 3, 128),
}


class RAFTUpdate(keras.layers.Layer):
    """One update of the flow between two maps.

        c = relu(1x1 of the correlations)       f = relu(3x3 of relu(7x7 of the flow))
        m = [relu(3x3 of [c, f]), flow]         x = [context, m]
        z, r = σ(3x3 of [h, x])                 q = tanh(3x3 of [r ∘ h, x])
        h ← (1 - z) ∘ h + z ∘ q                 Δ = 3x3 of relu(3x3 of h)

    h (B, h, w, 96), context (B, h, w, 64), correlations (B, h, w, 196), flow (B, h, w, 2) in pixels
    of the map, x and y -> h, Δ (B, h, w, 2).

    >>> hidden, context, correlations, flow = (ops.ones((1, 8, 8, n)) for n in (96, 64, READ, 2))
    >>> update = RAFTUpdate()
    >>> update.build((1, 8, 8, 1))
    >>> hidden, change = update(hidden, context, correlations, flow)
    >>> float(hidden[0, 0, 0, 0]), tuple(change.shape)  # zero weights: z = 1/2, q = 0
    (0.5, (1, 8, 8, 2))
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convs = {
            name: PaddedConv(filters, side, dtype=self.dtype_policy, name=name)
            for name, (filters, side, _) in _CONVS.items()
        }

    def build(self, map_shape):
        """Create every weight; map_shape is (B, h, w, any)."""
        for name, (_, _, read) in _CONVS.items():
            self.convs[name].build((*map_shape[:-1], read))
        self.built = True

    def call(self, hidden, context, correlations, flow):
        """Update the state; the second result is what is added to the flow."""
        conv = self.convs
        c = ops.relu(conv["convc1"](correlations))
        f = ops.relu(conv["convf2"](ops.relu(conv["convf1"](flow))))
        m = ops.relu(conv["conv"](ops.concatenate([c, f], axis=-1)))
        x = ops.concatenate([context, m, flow], axis=-1)
        seen = ops.concatenate([hidden, x], axis=-1)
        z, r = ops.sigmoid(conv["convz"](seen)), ops.sigmoid(conv["convr"](seen))
        q = ops.tanh(conv["convq"](ops.concatenate([r * hidden, x], axis=-1)))
        hidden = (1 - z) * hidden + z * q
        return hidden, conv["flow2"](ops.relu(conv["flow1"](hidden)))
