"""The Eidetic 3D LSTM cell: an LSTM on windows of frames that recalls its own past by content."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.cells.base import kernel_sizes, states_are_padded
from tfvp.layers.recall import recall
from tfvp.layers.tensor_layer_norm import TensorLayerNorm
from tfvp.layers.window_conv import WindowConv
from tfvp.shapes import Tensor


class EideticLSTMState(NamedTuple):
    """The state of an Eidetic cell; Keras passes it back as a plain tuple."""

    hidden: Tensor  # (B, D, H, W, C)
    cell: Tensor  # (B, D, H, W, C)
    memory: Tensor  # (B, D, H, W, C), or None: known to be all zero
    history: Tensor  # (B, L, H, W, C) past cells, oldest first
    filled: Tensor  # (B, L), 1 where a slice of the history holds something


@keras.saving.register_keras_serializable(package="tfvp")
class EideticLSTMCell(keras.layers.Layer):
    """One step of an Eidetic 3D LSTM, Wang et al. 2019 (E3D-LSTM, ICLR), as its released program.

    `*` is same-padded convolution over (time, rows, columns), LN is `TensorLayerNorm` on all gates
    that share an input, and every convolution has a bias.

        [i_h g_h r_h o_h] = LN(W_h * h)         [i_x g_x r_x o_x i'_x g'_x f'_x] = LN(W_x * x)
        [i_m f_m g_m m_m] = LN(W_m * m)
        i = σ(i_x + i_h)    g = tanh(g_x + g_h)    r = σ(r_x + r_h)
        c' = LN(c + RECALL(r, history)) + i ∘ g
        i' = σ(i'_x + i_m)  g' = tanh(g'_x + g_m)  f' = σ(f'_x + f_m + forget_bias)
        m' = f' ∘ tanh(m_m) + i' ∘ g'
        o = tanh(o_x + o_h + W_co * c' + W_mo * m')
        h' = tanh(W_1x1x1 * [c', m']) ∘ σ(o)

    The history is every past cell state, the zero one included: c joins it before it is read.

    Where program and paper differ: the program returns the *old* memory, so that it stays at its
    zero start (`carry_memory=False`; True hands on m' as the paper does); it puts tanh(m_m) where
    the paper has m, squashes the output gate twice and normalises the gates.

    x (B, D, H, W, Cin), EideticLSTMState -> h' (B, D, H, W, filters), EideticLSTMState.

    >>> cell, window = EideticLSTMCell(filters=8, kernel=(2, 3, 3)), ops.ones((2, 2, 16, 16, 1))
    >>> hidden, state = cell(window, cell.get_initial_state(2, (2, 16, 16)))
    >>> tuple(hidden.shape)
    (2, 2, 16, 16, 8)

    Args:
        filters: channels of every state.
        kernel: time, rows, columns of the convolutions, or one number for all; (2, 5, 5) released,
            (1, 5, 5) is E2D.
        carry_memory: hand on the new memory (paper) instead of the old one (released program).
        history_length: steps that the history holds, in a masked buffer of fixed size; the oldest
            is dropped when it is full. None: it grows by D slices a step (in `GridRNN` use
            `unroll=True`).
        forget_bias: added inside f'.
        keep_recall: keep the weights of RECALL for the gradient; else they are computed once more,
            which takes less memory and more time.
    """

    axes = "D H W C"  # of what enters at a step

    def __init__(
        self,
        filters: int,
        kernel: int | tuple[int, int, int] = (2, 5, 5),
        *,
        carry_memory: bool = False,
        history_length: int | None = None,
        forget_bias: float = 1.0,
        keep_recall: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel = kernel_sizes("kernel", kernel, 3)
        self.carry_memory = carry_memory
        self.history_length = history_length
        self.forget_bias = forget_bias
        self.keep_recall = keep_recall
        policy = self.dtype_policy
        # Names and order are the released program's, so that its checkpoints map one to one.
        self.conv_hidden = WindowConv(4 * filters, self.kernel, dtype=policy, name="conv3d")
        self.norm_hidden = TensorLayerNorm(dtype=policy, name="hidden")
        self.conv_input = WindowConv(7 * filters, self.kernel, dtype=policy, name="conv3d_1")
        self.norm_input = TensorLayerNorm(dtype=policy, name="inputs")
        self.norm_cell = TensorLayerNorm(dtype=policy, name="self_attn")
        self.conv_memory = WindowConv(4 * filters, self.kernel, dtype=policy, name="conv3d_2")
        self.norm_memory = TensorLayerNorm(dtype=policy, name="global_memory")
        self.conv_cell_out = WindowConv(filters, self.kernel, dtype=policy, name="conv3d_3")
        self.conv_memory_out = WindowConv(filters, self.kernel, dtype=policy, name="conv3d_4")
        self.conv_mix = WindowConv(filters, (1, 1, 1), dtype=policy, name="conv3d_5")

    @property
    def grows(self) -> bool:
        """Return whether the state gets larger from step to step."""
        return self.history_length is None

    @property
    def constant_states(self) -> tuple[str, ...]:
        """Return the names of the parts of the state that a step does not change."""
        return () if self.carry_memory else ("memory",)

    @property
    def state_size(self) -> tuple[int, ...]:
        """Return the channels of each part of the state, in the order of `EideticLSTMState`."""
        return (self.filters,) * len(EideticLSTMState._fields)

    @property
    def output_size(self) -> int:
        """Return the channels of the output."""
        return self.filters

    def build(self, input_shape):
        """Create every weight; input_shape is (B, D, H, W, Cin)."""
        *places, channels = input_shape
        n = self.filters
        self._places = tuple(places[1:])  # D, H, W for get_initial_state in Keras' RNN layer
        for layer, width in (
            (self.conv_hidden, n),
            (self.norm_hidden, 4 * n),
            (self.conv_input, channels),
            (self.norm_input, 7 * n),
            (self.norm_cell, n),
            (self.conv_memory, n),
            (self.norm_memory, 4 * n),
            (self.conv_cell_out, n),
            (self.conv_memory_out, n),
            (self.conv_mix, 2 * n),
        ):
            layer.build((*places, width))
        self.built = True

    def get_initial_state(self, batch_size=None, places=None) -> EideticLSTMState:
        """Return the all-zero state of a batch; `places` are (D, H, W), by default those built."""
        shapes = self.state_shapes(batch_size, places or self._places)
        zeros = (ops.zeros(shape, dtype=self.compute_dtype) for shape in shapes)
        return EideticLSTMState(*zeros)

    def state_shapes(self, batch_size, places, steps=0) -> EideticLSTMState:
        """Return the state with each slot's shape after so many steps; places are (D, H, W)."""
        depth, *grid = places
        slices = (steps if self.grows else self.history_length) * depth
        window = (batch_size, depth, *grid, self.filters)
        return EideticLSTMState(
            hidden=window,
            cell=window,
            memory=window,
            history=(batch_size, slices, *grid, self.filters),
            filled=(batch_size, slices),
        )

    def call(self, x, states, training=None):
        """Take one step: x (B, D, H, W, Cin) and a state -> (h', new state)."""
        del training
        h, c, m, history, filled = states
        i_h, g_h, r_h, o_h = ops.split(self.norm_hidden(self.conv_hidden(h)), 4, axis=-1)
        i_x, g_x, r_x, o_x, i2_x, g2_x, f2_x = ops.split(
            self.norm_input(self.conv_input(x)), 7, axis=-1
        )
        i_m, f_m, g_m, m_m = ops.split(self.norm_memory(self._convolve_memory(m)), 4, axis=-1)

        i, g, r = ops.sigmoid(i_x + i_h), ops.tanh(g_x + g_h), ops.sigmoid(r_x + r_h)
        history, filled = self._remember(history, filled, c)
        is_full = self.history_length is None and not states_are_padded()
        mask = None if is_full else filled > 0.5
        recalled = recall(r, history, mask, keep_weights=self.keep_recall)
        new_cell = self.norm_cell(c + recalled) + i * g

        i2, g2 = ops.sigmoid(i2_x + i_m), ops.tanh(g2_x + g_m)
        f2 = ops.sigmoid(f2_x + f_m + self.forget_bias)
        new_memory = f2 * ops.tanh(m_m) + i2 * g2

        of_both = self.conv_cell_out(new_cell) + self.conv_memory_out(new_memory)
        both = ops.concatenate([new_cell, new_memory], axis=-1)
        new_hidden = ops.tanh(self.conv_mix(both)) * ops.sigmoid(ops.tanh(o_x + o_h + of_both))
        return new_hidden, EideticLSTMState(
            hidden=new_hidden,
            cell=new_cell,
            memory=new_memory if self.carry_memory else m,
            history=history,
            filled=filled,
        )

    def _convolve_memory(self, m):
        """Return W_m * m; of a memory known to be zero only the bias is left, everywhere alike."""
        if m is None:
            bias = ops.cast(self.conv_memory.bias, self.compute_dtype)
            return ops.reshape(bias, (1, 1, 1, 1, -1))
        return self.conv_memory(m)

    def _remember(self, history, filled, c):
        """Append c to the history; a buffer of fixed size drops its oldest step for it."""
        depth = c.shape[1]
        if self.history_length is not None:
            history, filled = history[:, depth:], filled[:, depth:]
        new = ops.ones((ops.shape(c)[0], depth), dtype=filled.dtype)
        return ops.concatenate([history, c], axis=1), ops.concatenate([filled, new], axis=1)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "carry_memory": self.carry_memory,
            "history_length": self.history_length,
            "forget_bias": self.forget_bias,
            "keep_recall": self.keep_recall,
        }
