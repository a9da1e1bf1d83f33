"""The spatiotemporal LSTM cell of PredRNN: a cell through time, a memory through the layers."""

from typing import Any, NamedTuple

import keras
from keras import ops

from tfvp.cells.base import GridCell
from tfvp.layers.tensor_layer_norm import TensorLayerNorm
from tfvp.shapes import Tensor

# Gates that each input's convolution gives, in units of `filters`.
_GATES_2021 = {"input": 7, "hidden": 4, "memory": 3, "out": 1}
GATES = {
    "2021": _GATES_2021,
    "2017": {"input": 4, "hidden": 4, "memory": 4},
    "paper": _GATES_2021,
}
# Which convolutions have a bias.
BIASES = {"2021": (), "2017": ("input", "hidden", "memory", "mix"), "paper": ("input",)}
# Added inside the forget gates while running; no weight.
FORGET_BIAS = {"2021": 1.0, "2017": 1.0, "paper": 0.0}
# Variance 1 / (3 fan_in): the uniform distribution between +-1 / sqrt(fan_in), torch's default.
TORCH_UNIFORM = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


class STLSTMState(NamedTuple):
    """The state of a spatiotemporal LSTM cell; Keras passes it back as a plain tuple."""

    hidden: Tensor  # (B, H, W, filters)
    cell: Tensor  # (B, H, W, filters)
    memory: Tensor  # (B, H, W, filters) in PredRNN: to the layer above, from the top to t + 1


@keras.saving.register_keras_serializable(package="tfvp")
class STLSTMCell(GridCell):
    """One step of a spatiotemporal LSTM, Wang et al. 2017 (PredRNN, NeurIPS).

    `*` is same-padded convolution. Release 2021, the authors' PyTorch cell, without biases:

        [i_x f_x g_x i'_x f'_x g'_x o_x] = W_x * x
        [i_h f_h g_h o_h] = W_h * h         [i_m f_m g_m] = W_m * m
        i = σ(i_x + i_h)    f = σ(f_x + f_h + forget_bias)    g = tanh(g_x + g_h)
        i' = σ(i'_x + i_m)  f' = σ(f'_x + f_m + forget_bias)  g' = tanh(g'_x + g_m)
        c' = f ∘ c + i ∘ g  m' = f' ∘ m + i' ∘ g'
        o = σ(o_x + o_h + W_o * [c', m'])    h' = o ∘ tanh(W_1x1 * [c', m'])

    Release 2017, their first TF1 cell, with biases: W_x, W_h and W_m each give i, g, f, o; both
    states share the four gates of x; o = σ(o_x + o_h + o_m) looks at the *old* memory and at no
    cell state.

    Release paper: the equations of the paper (and of Dittrich 2020, whose parameter counts they
    give) are those of 2021 with a bias for each of the seven gates of x and no forget bias.

    Layer norm is of all gates of one convolution together (never of W_1x1): in 2021 over rows,
    columns and channels with a scale and shift for every place, which ties the network to one size
    of frame; in 2017 `TensorLayerNorm`. The paper prints W_o as W_co * c' + W_mo * m'.

    x (B, H, W, Cin), STLSTMState -> h' (B, H, W, filters), STLSTMState.

    >>> cell, frame = STLSTMCell(filters=8, kernel=3), ops.ones((2, 16, 16, 1))
    >>> hidden, state = cell(frame, cell.get_initial_state(2, (16, 16)))
    >>> tuple(hidden.shape), tuple(state.memory.shape)
    ((2, 16, 16, 8), (2, 16, 16, 8))

    Args:
        filters: channels of every state.
        kernel: rows, columns of the convolutions, odd, or one number for both.
        release: "2021", "2017" or "paper", see above.
        layer_norm: normalise the gates.
        forget_bias: added inside f and f'; None: 1 in the programs, 0 in the paper.
    """

    def __init__(
        self,
        filters: int,
        kernel: int | tuple[int, int] = 5,
        *,
        release: str = "2021",
        layer_norm: bool = False,
        forget_bias: float | None = None,
        **kwargs,
    ):
        super().__init__(STLSTMState, (filters,) * 3, **kwargs)
        self.filters = filters
        self.kernel = kernel
        self.release = release
        self.layer_norm = layer_norm
        self.forget_bias = forget_bias
        self._forget = FORGET_BIAS[release] if forget_bias is None else forget_bias
        self.convs, self.norms = {}, {}
        for source, gates in GATES[release].items():
            self.convs[source] = self._conv(gates * filters, kernel, f"conv_{source}")
            if layer_norm:
                self.norms[source] = self._norm(f"norm_{source}")
        self.conv_mix = self._conv(filters, 1, "conv_mix")

    def _conv(self, width: int, kernel: int | tuple[int, int], name: str) -> keras.layers.Conv2D:
        """Make a same-padded convolution with the bias and first weights of the release."""
        first: Any = TORCH_UNIFORM
        if self.release == "2017":
            small = keras.initializers.RandomUniform(-0.001, 0.001)
            first = "glorot_uniform" if name == "conv_mix" else small
        return keras.layers.Conv2D(
            width,
            kernel,
            padding="same",
            use_bias=name.removeprefix("conv_") in BIASES[self.release],
            kernel_initializer=first,
            dtype=self.dtype_policy,
            name=name,
        )

    def _norm(self, name: str) -> keras.layers.Layer:
        """Make the release's layer norm of all gates of one convolution."""
        if self.release == "2017":
            return TensorLayerNorm(1e-5, dtype=self.dtype_policy, name=name)
        return keras.layers.LayerNormalization(
            axis=(1, 2, 3), epsilon=1e-5, dtype=self.dtype_policy, name=name
        )

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, Cin)."""
        *places, channels = input_shape
        n = self.filters
        self._places = tuple(places[1:])  # H, W for get_initial_state in Keras' RNN layer
        widths = {"input": channels, "hidden": n, "memory": n, "out": 2 * n}
        for source, gates in GATES[self.release].items():
            self.convs[source].build((*places, widths[source]))
            if self.layer_norm:
                self.norms[source].build((*places, gates * n))
        self.conv_mix.build((*places, 2 * n))
        self.built = True

    def call(self, x, states, training=None):
        """Take one step: x (B, H, W, Cin) and a state -> (h', new state)."""
        del training
        h, state, _ = self.advance(x, states)
        return h, state

    def advance(self, x, states):
        """Take a step; returns (h', state, (i ∘ g, i' ∘ g')), the last what is added to c and m."""
        h, c, m = states
        gates = self._gates_2017 if self.release == "2017" else self._gates_2021
        (i, f, g), (i_m, f_m, g_m), o = gates(x, h, m)
        added, added_memory = ops.sigmoid(i) * ops.tanh(g), ops.sigmoid(i_m) * ops.tanh(g_m)
        c = ops.sigmoid(f + self._forget) * c + added
        m = ops.sigmoid(f_m + self._forget) * m + added_memory
        both = ops.concatenate([c, m], axis=-1)
        if "out" in self.convs:
            o = o + self._convolve("out", both)
        h = ops.sigmoid(o) * ops.tanh(self.conv_mix(both))
        return h, STLSTMState(hidden=h, cell=c, memory=m), (added, added_memory)

    def _gates_2021(self, x, h, m):
        """Return the inputs of (i, f, g) of cell and memory, and that of o without W_o's part."""
        i_x, f_x, g_x, i2_x, f2_x, g2_x, o_x = ops.split(self._convolve("input", x), 7, axis=-1)
        i_h, f_h, g_h, o_h = ops.split(self._convolve("hidden", h), 4, axis=-1)
        i_m, f_m, g_m = ops.split(self._convolve("memory", m), 3, axis=-1)
        of_cell = (i_x + i_h, f_x + f_h, g_x + g_h)
        return of_cell, (i2_x + i_m, f2_x + f_m, g2_x + g_m), o_x + o_h

    def _gates_2017(self, x, h, m):
        """Return what `_gates_2021` returns, with the whole input of o."""
        i_x, g_x, f_x, o_x = ops.split(self._convolve("input", x), 4, axis=-1)
        i_h, g_h, f_h, o_h = ops.split(self._convolve("hidden", h), 4, axis=-1)
        i_m, g_m, f_m, o_m = ops.split(self._convolve("memory", m), 4, axis=-1)
        of_cell = (i_x + i_h, f_x + f_h, g_x + g_h)
        return of_cell, (i_x + i_m, f_x + f_m, g_x + g_m), o_x + o_h + o_m

    def _convolve(self, source: str, value):
        """Return all gates of one input, normalised where the cell has layer norm."""
        gates = self.convs[source](value)
        return self.norms[source](gates) if self.layer_norm else gates

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "release": self.release,
            "layer_norm": self.layer_norm,
            "forget_bias": self.forget_bias,
        }
