"""The convolutional LSTM cell, with each of the peepholes that the literature has."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.cells.base import GridCell, kernel_sizes
from tfvp.shapes import Tensor

PEEPHOLES = ("none", "channel", "full", "conv", "conv_released")


class ConvLSTMState(NamedTuple):
    """The state of a ConvLSTM cell; Keras passes it back as a plain tuple."""

    hidden: Tensor  # (B, H, W, C)
    cell: Tensor  # (B, H, W, C)


@keras.saving.register_keras_serializable(package="tfvp")
class ConvLSTMCell(GridCell):
    """One step of a convolutional LSTM, Shi et al. 2015 (NIPS, arXiv:1506.04214).

    `*` is same-padded convolution over rows and columns, P(w, c) the peephole:

        i = σ(W_xi * x + W_hi * h + P(w_ci, c) + b_i)
        f = σ(W_xf * x + W_hf * h + P(w_cf, c) + b_f)
        c' = f ∘ c + i ∘ tanh(W_xc * x + W_hc * h + b_c)
        o = σ(W_xo * x + W_ho * h + P(w_co, c') + b_o)
        h' = o ∘ tanh(c')

    The output gate sees the new cell. Kernels hold the gates in Keras' order i, f, c, o.

    Where the sources differ: the paper's formula reads as one weight a place and channel ("full"),
    but its published parameter counts are those of one weight a channel ("channel"); Keras, OpenSTL
    and Feist 2021 have no peephole ("none"); Dittrich 2020 convolves, without bias ("conv"). His
    program has a kernel w_co but never uses it: what its output gate sees of c' is W_hc * c' + b_c,
    the candidate's convolution ("conv_released", here without the idle kernel).
    Keras starts the forget bias at 1, everybody else at 0.

    x (B, H, W, Cin), ConvLSTMState -> h' (B, H, W, filters), ConvLSTMState. A cell with
    `reads_input=False` has no kernel for x and does not look at it: the first layer of an
    unconditional forecaster.

    >>> cell, frame = ConvLSTMCell(filters=8, kernel=(3, 3)), ops.ones((2, 16, 16, 1))
    >>> hidden, state = cell(frame, cell.get_initial_state(2, (16, 16)))
    >>> tuple(hidden.shape), tuple(state.cell.shape)
    ((2, 16, 16, 8), (2, 16, 16, 8))

    Args:
        filters: channels of both states.
        kernel: rows, columns of the convolution of x, or one number for both.
        state_kernel: the same of the convolutions of h and, if there are any, of c.
        peephole: none, channel, full, conv or conv_released.
        use_bias: one bias a gate and channel.
        unit_forget_bias: start the forget gate's bias at 1 instead of 0.
        reads_input: whether x enters.
        kernel_range: both kernels start uniform between plus and minus this, as in the program of
            Patraucean et al. 2016; None: Glorot uniform, as Keras.

    Raises:
        ValueError: a peephole of another name.
    """

    def __init__(
        self,
        filters: int,
        kernel: int | tuple[int, int] = (5, 5),
        *,
        state_kernel: int | tuple[int, int] = (5, 5),
        peephole: str = "none",
        use_bias: bool = True,
        unit_forget_bias: bool = False,
        reads_input: bool = True,
        kernel_range: float | None = None,
        **kwargs,
    ):
        super().__init__(ConvLSTMState, (filters, filters), **kwargs)
        if peephole not in PEEPHOLES:
            raise ValueError(f"peephole: expected one of {', '.join(PEEPHOLES)}, got {peephole}")
        self.filters = filters
        self.kernel_size = kernel_sizes("kernel", kernel, 2)
        self.state_kernel_size = kernel_sizes("state_kernel", state_kernel, 2)
        self.peephole = peephole
        self.use_bias = use_bias
        self.unit_forget_bias = unit_forget_bias
        self.reads_input = reads_input
        self.kernel_range = kernel_range

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, Cin)."""
        _, height, width, channels = input_shape
        n = self.filters
        self._places = (height, width)  # for get_initial_state in Keras' RNN layer
        self.kernel = (
            self._kernel("kernel", (*self.kernel_size, channels, 4 * n))
            if self.reads_input
            else None
        )
        self.recurrent_kernel = self._kernel(
            "recurrent_kernel", (*self.state_kernel_size, n, 4 * n)
        )
        self.bias = (
            self.add_weight(name="bias", shape=(4 * n,), initializer=self._first_bias)
            if self.use_bias
            else None
        )
        shape = {
            "channel": (n,),
            "full": (height, width, n),
        }.get(self.peephole, (*self.state_kernel_size, n, n))
        gates = {"none": (), "conv_released": ("input", "forget")}
        self.peepholes = [
            self.add_weight(
                name=f"peephole_{gate}",
                shape=shape,
                initializer="glorot_uniform" if len(shape) == 4 else "zeros",
            )
            for gate in gates.get(self.peephole, ("input", "forget", "output"))
        ]
        self.built = True

    def _kernel(self, name: str, shape: tuple[int, ...]):
        limit = self.kernel_range
        first = keras.initializers.RandomUniform(-limit, limit) if limit else "glorot_uniform"
        return self.add_weight(name=name, shape=shape, initializer=first)

    def _first_bias(self, shape, dtype=None):
        forget = ops.ones((shape[0] // 4,), dtype) * float(self.unit_forget_bias)
        zeros = ops.zeros((shape[0] // 4,), dtype)
        return ops.concatenate([zeros, forget, zeros, zeros])

    def call(self, x, states, training=None):
        """Take one step: x (B, H, W, Cin) and a state -> (h', new state)."""
        del training
        h, c = states
        gates = ops.conv(h, self._cast(self.recurrent_kernel), padding="same")
        if self.kernel is not None:
            gates = gates + ops.conv(x, self._cast(self.kernel), padding="same")
        if self.bias is not None:
            gates = gates + self._cast(self.bias)
        i, f, g, o = ops.split(gates, 4, axis=-1)
        i = ops.sigmoid(self._see(i, 0, c))
        f = ops.sigmoid(self._see(f, 1, c))
        new_cell = f * c + i * ops.tanh(g)
        if self.peephole == "conv_released":
            o = o + self._candidate_of(new_cell)
        else:
            o = self._see(o, 2, new_cell)
        new_hidden = ops.sigmoid(o) * ops.tanh(new_cell)
        return new_hidden, ConvLSTMState(hidden=new_hidden, cell=new_cell)

    def _see(self, gate, which: int, c):
        """Add to a gate what its peephole sees of the cell."""
        if not self.peepholes:
            return gate
        w = self._cast(self.peepholes[which])
        return gate + (ops.conv(c, w, padding="same") if len(w.shape) == 4 else w * c)

    def _candidate_of(self, c):
        """Return W_hc * c + b_c, the candidate's input if the cell were the hidden state."""
        third = slice(2 * self.filters, 3 * self.filters)
        seen = ops.conv(c, self._cast(self.recurrent_kernel)[..., third], padding="same")
        return seen if self.bias is None else seen + self._cast(self.bias)[third]

    def _cast(self, weight):
        return ops.cast(weight, self.compute_dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel_size,
            "state_kernel": self.state_kernel_size,
            "peephole": self.peephole,
            "use_bias": self.use_bias,
            "unit_forget_bias": self.unit_forget_bias,
            "reads_input": self.reads_input,
            "kernel_range": self.kernel_range,
        }
