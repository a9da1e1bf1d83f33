"""The gradient highway unit of PredRNN++: a short way through time between two layers."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.cells.base import GridCell
from tfvp.layers.tensor_layer_norm import TensorLayerNorm
from tfvp.shapes import Tensor


class GHUState(NamedTuple):
    """The state of a gradient highway unit; Keras passes it back as a plain tuple."""

    highway: Tensor  # (B, H, W, filters), z


@keras.saving.register_keras_serializable(package="tfvp")
class GHU(GridCell):
    """One step of a gradient highway unit, Wang et al. 2018 (PredRNN++, ICML), as released.

        [p u] = LN(W_x * x) + LN(W_z * z)    z' = σ(u) ∘ tanh(p) + (1 - σ(u)) ∘ z

    `*` is same-padded convolution with bias, LN is `TensorLayerNorm`; paper and program agree but
    for LN, which only the program has.

    x (B, H, W, Cin), GHUState -> z' (B, H, W, filters), GHUState.

    >>> highway, x = GHU(filters=8, kernel=3), ops.ones((2, 16, 16, 8))
    >>> z, state = highway(x, highway.get_initial_state(2, (16, 16)))
    >>> tuple(z.shape)
    (2, 16, 16, 8)

    Args:
        filters: channels of z.
        kernel: rows, columns of the convolutions, odd, or one number for both.
        layer_norm: normalise the two convolutions.
    """

    def __init__(
        self, filters: int, kernel: int | tuple[int, int] = 5, *, layer_norm: bool = True, **kwargs
    ):
        super().__init__(GHUState, (filters,), **kwargs)
        self.filters = filters
        self.kernel = kernel
        self.layer_norm = layer_norm
        self.convs, self.norms = {}, {}
        for source in ("state_to_state", "input_to_state"):  # the released names
            self.convs[source] = keras.layers.Conv2D(
                2 * filters,
                kernel,
                padding="same",
                kernel_initializer=keras.initializers.RandomUniform(-0.001, 0.001),
                dtype=self.dtype_policy,
                name=source,
            )
            if layer_norm:
                self.norms[source] = TensorLayerNorm(
                    1e-5, dtype=self.dtype_policy, name=f"{source}_norm"
                )

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, Cin)."""
        *places, channels = input_shape
        self._places = tuple(places[1:])
        self.convs["state_to_state"].build((*places, self.filters))
        self.convs["input_to_state"].build((*places, channels))
        for norm in self.norms.values():
            norm.build((*places, 2 * self.filters))
        self.built = True

    def call(self, x, states, training=None):
        """Take one step: x (B, H, W, Cin) and a state -> (z', new state)."""
        del training
        (z,) = states
        gates = self._convolve("input_to_state", x) + self._convolve("state_to_state", z)
        p, u = ops.split(gates, 2, axis=-1)
        switch = ops.sigmoid(u)
        z = switch * ops.tanh(p) + (1 - switch) * z
        return z, GHUState(highway=z)

    def _convolve(self, source: str, value):
        gates = self.convs[source](value)
        return self.norms[source](gates) if self.layer_norm else gates

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "layer_norm": self.layer_norm,
        }
