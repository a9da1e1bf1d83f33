"""An autoencoder made of nothing but recurrent cells, for one step of time."""

from typing import Any

import keras

from tfvp.cells.make import make_cell
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.recurrent_autoencoder.config import RecurrentAutoencoderConfig
from tfvp.models.wiring import run_stack
from tfvp.sections import DataSection


@keras.saving.register_keras_serializable(package="tfvp")
class RecurrentAutoencoder(RecurrentCore):
    """One step of the autoencoder of Dittrich 2020, chapter 5.

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. With widths of 32 and 64 ("depth
    2") four cells stand on each other, of 32, 64, 32 and C channels; the last one's output is the
    frame, a hidden state in (-1, 1). There are no other layers and no change of size.

    In his program a cell reads the whole clip and hands on its last output alone, so that every
    cell but the first takes one single step from an empty state (`remember="first_cell"`). Here all
    of them remember unless that is asked for. His networks predict one frame; to go on they drop
    the oldest frame and read the clip again, here the states go on.

    >>> core = RecurrentAutoencoder(hidden=(4,), cell={"kind": "conv_lstm"})
    >>> network = RecurrentPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(keras.ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0
    ((2, 2, 8, 8, 1), 0.0)

    Args:
        hidden: channels of the encoder's cells; the decoder's are the same backwards, then the
            frame's.
        cell: settings of every cell, see `tfvp.cells.make_cell`.
        remember: every_cell, or first_cell as the program.
    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        cell: dict[str, Any],
        *,
        remember: str = "every_cell",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if remember not in ("every_cell", "first_cell"):
            raise ValueError(f"remember: expected every_cell or first_cell, got {remember}")
        self.hidden = tuple(hidden)
        self.cell = dict(cell)
        self.remember = remember

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        *places, channels = frame_shape
        down = (*self.hidden[-2::-1], channels)
        self.cells = []
        for i, width in enumerate((*self.hidden, *down)):
            half, k = ("encoder", i) if i < len(self.hidden) else ("decoder", i - len(self.hidden))
            name = f"{half}{k}"
            cell = make_cell(self.cell, width, dtype=self.dtype_policy, name=name)
            cell.build((*places, self.cells[-1].output_size if i else channels))
            self.cells.append(cell)
        self.built = True

    @property
    def decoder(self) -> list[keras.layers.Layer]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Return the layers that make frames."""
        return self.cells[len(self.hidden) :]

    def initial_state(self, batch_size, frame_shape) -> tuple:
        """Return all-zero states of the cells that keep theirs, for frames of (H, W, C)."""
        return self._empty(self._remembering, batch_size, frame_shape[:2])

    @property
    def _remembering(self) -> list:
        return self.cells if self.remember == "every_cell" else self.cells[:1]

    @staticmethod
    def _empty(cells: list, batch_size, places) -> tuple:
        return tuple(cell.get_initial_state(batch_size, places) for cell in cells)

    def call(self, frame, state: tuple):
        """Predict the frame after `frame` (B, H, W, C); returns it and the new state."""
        forgetful = self.cells[len(state) :]
        batch_size, *places = keras.ops.shape(frame)[:-1]
        states = (*state, *self._empty(forgetful, batch_size, places))
        outputs, after = run_stack(self.cells, frame, states)
        return outputs[-1], after[: len(state)]

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "cell": self.cell,
            "remember": self.remember,
        }


def build(model: RecurrentAutoencoderConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    core = RecurrentAutoencoder(
        model.hidden, model.cell.settings(), remember=model.remember, name="core"
    )
    return RecurrentPredictor(core, data.frame_shape, name="predictor")
