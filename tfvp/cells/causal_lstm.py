"""The causal LSTM cell of PredRNN++: the memory is computed from the new cell state."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.cells.base import GridCell
from tfvp.layers.tensor_layer_norm import TensorLayerNorm
from tfvp.shapes import Tensor

# The released program's name of each convolution, its gates in units of `filters`, the released
# name of its norm; in the order in which the program creates them.
CONVOLUTIONS = {
    "temporal_state_transition": (4, "h2c"),
    "temporal_memory_transition": (3, "c2c"),
    "spatial_memory_transition": (3, "m2m"),
    "input_to_state": (7, "x2c"),
    "c2m": (4, "c2m"),
    "m_to_o": (1, "m2o"),
}


class CausalLSTMState(NamedTuple):
    """The state of a causal LSTM cell; Keras passes it back as a plain tuple."""

    hidden: Tensor  # (B, H, W, filters)
    cell: Tensor  # (B, H, W, filters)
    memory: Tensor  # in: (B, H, W, memory_channels), out: (B, H, W, filters); climbs the layers


@keras.saving.register_keras_serializable(package="tfvp")
class CausalLSTMCell(GridCell):
    """One step of a causal LSTM, Wang et al. 2018 (PredRNN++, ICML), as its released program.

    `*` is same-padded convolution with bias, LN is `TensorLayerNorm` on all gates of a convolution.

        [i_h g_h f_h o_h] = LN(W_h * h)          [i_c g_c f_c] = LN(W_c * c)
        [i_m f_m m_m] = LN(W_m * m)
        [i_x g_x f_x o_x i'_x g'_x f'_x] = LN(W_x * x)
        i = σ(i_x + i_h + i_c)   f = σ(f_x + f_h + f_c + forget_bias)   g = tanh(g_x + g_h + g_c)
        c' = f ∘ c + i ∘ g                                       [i_2 g_2 f_2 o_2] = LN(W_2 * c')
        i' = σ(i'_x + i_m + i_2) f' = σ(f'_x + f_m + f_2 + forget_bias) g' = tanh(g'_x + g_2)
        m' = f' ∘ tanh(m_m) + i' ∘ g'
        o = tanh(o_x + o_h + o_2 + LN(W_o * m'))                 h' = o ∘ tanh(W_1x1 * [c', m'])

    The output gate is a tanh, in program and paper. Where they differ: the norms and the forget
    bias are the program's alone. m_m is a projection, so the memory may change its width between
    layers.

    x (B, H, W, Cin), CausalLSTMState -> h' (B, H, W, filters), CausalLSTMState.

    >>> cell, frame = CausalLSTMCell(filters=8, kernel=3), ops.ones((2, 16, 16, 1))
    >>> hidden, state = cell(frame, cell.get_initial_state(2, (16, 16)))
    >>> tuple(hidden.shape), tuple(state.memory.shape)
    ((2, 16, 16, 8), (2, 16, 16, 8))

    Args:
        filters: channels of every state that leaves the cell.
        kernel: rows, columns of the convolutions, odd, or one number for both.
        memory_channels: channels of the memory that enters; None: `filters`.
        layer_norm: normalise the gates.
        forget_bias: added inside f and f'.
    """

    def __init__(
        self,
        filters: int,
        kernel: int | tuple[int, int] = 5,
        *,
        memory_channels: int | None = None,
        layer_norm: bool = True,
        forget_bias: float = 1.0,
        **kwargs,
    ):
        super().__init__(CausalLSTMState, (filters, filters, memory_channels or filters), **kwargs)
        self.filters = filters
        self.kernel = kernel
        self.memory_channels = memory_channels
        self.layer_norm = layer_norm
        self.forget_bias = forget_bias
        policy = self.dtype_policy
        self.convs, self.norms = {}, {}
        for name, (gates, norm) in CONVOLUTIONS.items():
            self.convs[name] = keras.layers.Conv2D(
                gates * filters,
                kernel,
                padding="same",
                kernel_initializer=keras.initializers.RandomUniform(-0.001, 0.001),
                dtype=policy,
                name=name,
            )
            if layer_norm:
                self.norms[name] = TensorLayerNorm(1e-5, dtype=policy, name=f"{norm}_norm")
        self.conv_mix = keras.layers.Conv2D(filters, 1, dtype=policy, name="memory_reduce")

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, Cin)."""
        *places, channels = input_shape
        n = self.filters
        self._places = tuple(places[1:])  # H, W for get_initial_state in Keras' RNN layer
        widths = dict.fromkeys(CONVOLUTIONS, n)
        widths["spatial_memory_transition"] = self.memory_channels or n
        widths["input_to_state"] = channels
        for name, (gates, _) in CONVOLUTIONS.items():
            self.convs[name].build((*places, widths[name]))
            if self.layer_norm:
                self.norms[name].build((*places, gates * n))
        self.conv_mix.build((*places, 2 * n))
        self.built = True

    def call(self, x, states, training=None):
        """Take one step: x (B, H, W, Cin) and a state -> (h', new state)."""
        del training
        h, c, m = states
        i_h, g_h, f_h, o_h = self._gates("temporal_state_transition", h)
        i_c, g_c, f_c = self._gates("temporal_memory_transition", c)
        i_m, f_m, m_m = self._gates("spatial_memory_transition", m)
        i_x, g_x, f_x, o_x, i2_x, g2_x, f2_x = self._gates("input_to_state", x)
        i = ops.sigmoid(i_x + i_h + i_c)
        f = ops.sigmoid(f_x + f_h + f_c + self.forget_bias)
        g = ops.tanh(g_x + g_h + g_c)
        c = f * c + i * g
        i_2, g_2, f_2, o_2 = self._gates("c2m", c)
        i = ops.sigmoid(i2_x + i_m + i_2)
        f = ops.sigmoid(f2_x + f_m + f_2 + self.forget_bias)
        g = ops.tanh(g2_x + g_2)
        m = f * ops.tanh(m_m) + i * g
        (o_m,) = self._gates("m_to_o", m)
        o = ops.tanh(o_x + o_h + o_2 + o_m)
        h = o * ops.tanh(self.conv_mix(ops.concatenate([c, m], axis=-1)))
        return h, CausalLSTMState(hidden=h, cell=c, memory=m)

    def _gates(self, name: str, value):
        """Convolve, normalise and split into gates."""
        gates = self.convs[name](value)
        gates = self.norms[name](gates) if self.layer_norm else gates
        return ops.split(gates, CONVOLUTIONS[name][0], axis=-1)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "memory_channels": self.memory_channels,
            "layer_norm": self.layer_norm,
            "forget_bias": self.forget_bias,
        }
