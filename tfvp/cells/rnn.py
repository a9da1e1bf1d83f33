"""The Keras layer that runs a cell on a grid over the frames of a clip."""

import keras
from keras import ops

from tfvp.shapes import check_shape


@keras.saving.register_keras_serializable(package="tfvp")
class GridRNN(keras.layers.RNN):
    """Run a cell over time, as `keras.layers.ConvLSTM2D` runs its own.

    `keras.layers.RNN` itself takes every output for a vector: in a functional model the layers
    after it would be built for the wrong shape. This layer is the same but knows the grid, whose
    size may be another at every call where the cell's weights allow it. It works inside
    `keras.layers.Bidirectional` and `keras.layers.TimeDistributed` and is saved with its model.

    Sequences are (B, T, H, W, Cin), for an `EideticLSTMCell` windows (B, T, D, H, W, Cin). The
    output has the same axes with the cell's channels, without T unless `return_sequences`.

    >>> from tfvp.cells import STLSTMCell
    >>> clip = keras.Input((4, 32, 32, 1))
    >>> GridRNN(STLSTMCell(8, 3), return_sequences=True)(clip).shape
    (None, 4, 32, 32, 8)

    Args:
        cell: any cell of `tfvp.cells` but `FCLSTMCell`, which works in `keras.layers.RNN`.
        kwargs: those of `keras.layers.RNN`: return_sequences, return_state (the slots of the state
            follow the output), go_backwards, stateful, unroll, zero_output_for_mask, name, dtype.

    Raises:
        ValueError: an `EideticLSTMCell` whose history grows is not unrolled, is stateful or is
            called with a mask; a clip of other axes, or of another grid than the kept state's.
    """

    def __init__(self, cell, **kwargs):
        super().__init__(cell, **kwargs)
        if cell.grows and (self.stateful or not self.unroll):
            raise ValueError(
                "cell: its history grows from step to step, which needs unroll=True and no "
                "stateful=True; else give the cell a history_length"
            )

    def build(self, sequences_shape, initial_state_shape=None):
        """Create the cell's weights, and the kept state if there is one."""
        check_shape("sequences", sequences_shape, f"B T {self.cell.axes}")
        super().build(sequences_shape, initial_state_shape)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        """Return the output's shape, with `return_state` followed by those of the state's slots."""
        del initial_state_shape
        batch, length, *places, _ = sequences_shape
        time = (length,) if self.return_sequences else ()
        output = (batch, *time, *places, self.cell.output_size)
        if not self.return_state:
            return output
        return (output, *self.cell.state_shapes(batch, tuple(places), length))

    def call(self, sequences, initial_state=None, mask=None, training=False):
        """Run the cell over sequences (B, T, ..., Cin), from zeros unless a state is given.

        Args:
            sequences: clips, see the class.
            initial_state: the cell's slots, in the order of its state.
            mask: bool (B, T); where it is false, the state stays and the output is repeated, or
                with `zero_output_for_mask` is zero.
            training: passed on to the cell.
        """
        check_shape("sequences", sequences.shape, f"B T {self.cell.axes}")
        batch, _, *places, _ = ops.shape(sequences)
        if self.cell.grows and mask is not None:
            raise ValueError("mask: the cell needs a history_length, else its history grows")
        if self.stateful:
            kept = self.states[0].shape[1:-1]
            if tuple(places) != tuple(kept):
                raise ValueError(f"sequences: the kept state has the grid {kept}, got {places}")
        elif initial_state is None:
            initial_state = self.cell.get_initial_state(batch, tuple(places))
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Loop over time as `keras.layers.RNN` does; return (last output, outputs, last state)."""
        shapes = self.cell.state_shapes(sequences.shape[0], tuple(sequences.shape[2:-1]))
        state = type(shapes)(*initial_state)  # the kind that the cell gives, which JAX insists on
        if mask is None:
            return super().inner_loop(sequences, state, None, training)
        cell = _MaskedCell(self.cell, self.zero_output_for_mask, training)
        loop = keras.layers.RNN(
            cell,
            return_sequences=self.return_sequences,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
        )
        batch, steps, *places, _ = ops.shape(sequences)
        shown = ops.reshape(mask, (batch, steps, *(1,) * len(places), 1))
        shown = ops.broadcast_to(shown, (batch, steps, *places, 1))
        marked = ops.concatenate([sequences, ops.cast(shown, sequences.dtype)], axis=-1)
        before = ops.zeros((batch, *places, self.cell.output_size), self.cell.compute_dtype)
        last, outputs, (*states, _) = loop.inner_loop(marked, (*state, before), None)
        return last, outputs, states


class _MaskedCell:
    """A cell that stands still where the last channel of its input is 0.

    Keras' own masks need the state to be vectors on JAX. The last output joins the state.
    """

    def __init__(self, cell, zero_output: bool, training):
        self.cell, self.zero_output, self.training = cell, zero_output, training
        self.state_size = (*cell.state_size, cell.output_size)
        self.output_size = cell.output_size

    def call(self, marked, states):
        """Take one step where it is allowed: (output, state with the output)."""
        *before, last = states
        keep = ops.max(marked[..., -1], axis=range(1, len(marked.shape) - 1)) > 0.5
        state = type(self.cell.state_shapes(0, marked.shape[1:-1]))(*before)
        output, after = self.cell(marked[..., :-1], state, training=self.training)

        def kept(new, old):
            return ops.where(ops.reshape(keep, (-1, *(1,) * (len(new.shape) - 1))), new, old)

        states = (*map(kept, after, before), kept(output, last))
        return kept(output, ops.zeros_like(output)) if self.zero_output else states[-1], states

    __call__ = call
