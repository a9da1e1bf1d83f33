"""The base class of recurrent cells on a grid: sizes of the state and its first value."""

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

_PADDED = contextvars.ContextVar("padded", default=False)


@contextlib.contextmanager
def padded_states() -> Iterator[None]:
    """Return a context in which states that grow come in buffers that are not full.

    >>> with padded_states():
    ...     states_are_padded()
    True
    """
    before = _PADDED.set(True)
    try:
        yield
    finally:
        _PADDED.reset(before)


def states_are_padded() -> bool:
    """Return whether a state that grows may begin with empty slices, see `padded_states`.

    >>> states_are_padded()
    False
    """
    return _PADDED.get()


def kernel_sizes(name: str, kernel: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """Return a kernel's size along each of so many axes; one number stands for all of them.

    Raises:
        ValueError: other than one number or one for each axis, or one below 1; `name` is named.

    >>> kernel_sizes("kernel", 3, axes=2)
    (3, 3)
    """
    sizes = (kernel,) * axes if isinstance(kernel, int) else tuple(kernel)
    if len(sizes) != axes or min(sizes) < 1:
        raise ValueError(f"{name}: expected a number or {axes} of them, from 1 on, got {kernel}")
    return sizes


class GridCell(keras.layers.Layer):
    """A recurrent cell whose state is a NamedTuple of maps (B, H, W, channels).

    A subclass sets `_places`, (H, W), when it is built, and takes the step in `call(x, states)`.

    >>> from tfvp.cells.conv_lstm import ConvLSTMCell  # is one
    >>> state = ConvLSTMCell(filters=8).get_initial_state(batch_size=2, places=(16, 16))
    >>> tuple(state.hidden.shape), tuple(state.cell.shape)
    ((2, 16, 16, 8), (2, 16, 16, 8))

    Args:
        state: the NamedTuple class.
        widths: channels of each of its slots.
        output: channels of the output; None: those of the first slot.
    """

    axes = "H W C"  # of what enters at a step
    grows = False  # whether the state gets larger from step to step
    constant_states: tuple[str, ...] = ()  # slots that a step does not change
    _places: tuple[int | None, ...] = ()

    def __init__(self, state: Any, widths: tuple[int, ...], *, output: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self._state = state
        self._widths = widths
        self._output = output or widths[0]

    @property
    def state_size(self) -> tuple[int, ...]:
        """Return the channels of each part of the state that a step reads, in order."""
        return self._widths

    @property
    def output_size(self) -> int:
        """Return the channels of the output."""
        return self._output

    def get_initial_state(self, batch_size=None, places=None) -> Any:
        """Return the all-zero state of a batch; `places` are (H, W), by default those built."""
        shapes = self.state_shapes(batch_size, places or self._places)
        return self._state(*(ops.zeros(shape, dtype=self.compute_dtype) for shape in shapes))

    def state_shapes(self, batch_size, places, steps=0) -> Any:
        """Return the state with the shape of each slot; `steps` counts only where it grows."""
        del steps
        return self._state(*((batch_size, *places, width) for width in self._widths))
