"""What recurrent cells on a grid have in common: the sizes of their state, and its beginning."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

_PADDED = contextvars.ContextVar("padded", default=False)


@contextlib.contextmanager
def padded_states() -> Iterator[None]:
    """Within the context, states that grow with every step come in buffers that are not full."""
    before = _PADDED.set(True)
    try:
        yield
    finally:
        _PADDED.reset(before)


def states_are_padded() -> bool:
    """Whether a state that grows may begin with slices that hold nothing, see `padded_states`."""
    return _PADDED.get()


class GridCell(keras.layers.Layer):
    """A recurrent cell whose state is a NamedTuple of maps (B, H, W, channels).

    A subclass sets `_places`, (H, W), when it is built, and takes the step in `call(x, states)`.

    Args:
        state: the NamedTuple class.
        widths: channels of each of its slots.
        output: channels of the output; None: those of the first slot.
    """

    constant_states: tuple[str, ...] = ()  # slots that a step does not change
    _places: tuple[int | None, ...] = ()

    def __init__(self, state: Any, widths: tuple[int, ...], *, output: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self._state = state
        self._widths = widths
        self._output = output or widths[0]

    @property
    def state_size(self) -> tuple[int, ...]:
        """Channels of each state slot that enters, in order."""
        return self._widths

    @property
    def output_size(self) -> int:
        """Channels of the output."""
        return self._output

    def get_initial_state(self, batch_size=None, places=None) -> Any:
        """All-zero state for a batch; `places` are (H, W), default those it was built with."""
        grid = places or self._places
        zeros = [
            ops.zeros((batch_size, *grid, width), dtype=self.compute_dtype)
            for width in self._widths
        ]
        return self._state(*zeros)
