"""The fully connected LSTM cell with peepholes, on frames as vectors."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.shapes import Tensor


class FCLSTMState(NamedTuple):
    """The state of an FC-LSTM cell; Keras passes it back as a plain tuple."""

    hidden: Tensor  # (B, units)
    cell: Tensor  # (B, units)


@keras.saving.register_keras_serializable(package="tfvp")
class FCLSTMCell(keras.layers.Layer):
    """One step of the peephole LSTM of Srivastava et al. 2015 (ICML, arXiv:1502.04681).

    φ is tanh, or relu where the released program is told so; w_i, w_f, w_o are vectors:

        i = σ(W_xi x + W_hi h + w_i ∘ c + b_i)      f = σ(W_xf x + W_hf h + w_f ∘ c + b_f)
        c' = f ∘ c + i ∘ φ(W_xc x + W_hc h + b_c)
        o = σ(W_xo x + W_ho h + w_o ∘ c' + b_o)     h' = o ∘ φ(c')

    The output gate sees the new cell, as in the program; Wang 2017 prints the old one, twice.
    No forget bias. Kernels hold the gates as i, f, c, o, which is the program's order.

    x (B, D), FCLSTMState -> h' (B, units), FCLSTMState. With `reads_input=False` there is no kernel
    for x: an unconditional decoder.

    >>> cell, frame = FCLSTMCell(units=8), ops.ones((2, 256))
    >>> hidden, state = cell(frame, cell.get_initial_state(2))
    >>> tuple(hidden.shape)
    (2, 8)

    Args:
        units: size of both states.
        activation: tanh or relu.
        reads_input: whether x enters.
    """

    constant_states = ()

    def __init__(self, units: int, *, activation: str = "tanh", reads_input: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation
        self.reads_input = reads_input

    @property
    def state_size(self) -> tuple[int, ...]:
        """Return the size of each part of the state, in the order of `FCLSTMState`."""
        return (self.units,) * len(FCLSTMState._fields)

    @property
    def output_size(self) -> int:
        """Return the size of the output."""
        return self.units

    def build(self, input_shape):
        """Create every weight as the program draws it; input_shape is (B, D)."""
        narrow = keras.initializers.RandomUniform(-0.01, 0.01)
        wide = keras.initializers.RandomUniform(-0.1, 0.1)
        n = self.units
        shape = (input_shape[-1], 4 * n)
        self.kernel = (
            self.add_weight(name="kernel", shape=shape, initializer=narrow)
            if self.reads_input
            else None
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(n, 4 * n), initializer=narrow
        )
        self.bias = self.add_weight(name="bias", shape=(4 * n,), initializer="zeros")
        self.peepholes = [
            self.add_weight(name=f"peephole_{gate}", shape=(n,), initializer=wide)
            for gate in ("input", "forget", "output")
        ]
        self.built = True

    def get_initial_state(self, batch_size=None) -> FCLSTMState:
        """Return the all-zero state of a batch."""
        zeros = ops.zeros((batch_size, self.units), dtype=self.compute_dtype)
        return FCLSTMState(hidden=zeros, cell=zeros)

    def call(self, x, states, training=None):
        """Take one step: x (B, D) and a state -> (h', new state)."""
        del training
        h, c = states
        gates = ops.matmul(h, self._cast(self.recurrent_kernel)) + self._cast(self.bias)
        if self.kernel is not None:
            gates = gates + ops.matmul(x, self._cast(self.kernel))
        i, f, g, o = ops.split(gates, 4, axis=-1)
        w_i, w_f, w_o = (self._cast(w) for w in self.peepholes)
        squash = ops.tanh if self.activation == "tanh" else ops.relu
        new_cell = ops.sigmoid(f + w_f * c) * c + ops.sigmoid(i + w_i * c) * squash(g)
        new_hidden = ops.sigmoid(o + w_o * new_cell) * squash(new_cell)
        return new_hidden, FCLSTMState(hidden=new_hidden, cell=new_cell)

    def _cast(self, weight):
        return ops.cast(weight, self.compute_dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "reads_input": self.reads_input,
        }
