"""E3D-LSTM's stack for one step of time: Eidetic cells on a window of two frames, a decoder."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.cells.eidetic_lstm import EideticLSTMCell, EideticLSTMState
from tfvp.layers.window_decoder import WindowDecoder
from tfvp.models.e3d_lstm.config import EideticStackConfig
from tfvp.models.e3d_lstm.weights import E3DProgram
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.wiring import layer_input, layer_width, run_stack_with_memory
from tfvp.porting.program import Program
from tfvp.sections import DataSection
from tfvp.shapes import Tensor

WINDOW = 2  # frames read at once; the released program's window_length, with stride 1


class EideticStackState(NamedTuple):
    """The state that the stack carries from one step to the next."""

    frame: Tensor  # (B, H, W, C), the frame read in the step before
    layers: tuple[EideticLSTMState, ...]
    memory: Tensor  # (B, D, H, W, hidden), from layer to layer, then to t + 1; None: zero


@keras.saving.register_keras_serializable(package="tfvp")
class EideticStack(RecurrentCore):
    """One step of the E3D-LSTM network (Wang et al. 2019; Tan 2019 with residual wiring).

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. The window is [frame before, frame]
    (before the first frame: zeros). The global memory leaves layer k and enters layer k + 1 of the
    same step, the last layer's enters the first of the next step.

    >>> core = EideticStack(hidden=(4, 4), kernel=(2, 3, 3))
    >>> network = RecurrentPredictor(core, frame_shape=(8, 8, 1), patch_px=2)
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0
    ((2, 2, 8, 8, 1), 0.0)

    Args:
        hidden: channels of each layer.
        kernel: time, rows, columns of the cells' convolutions.
        carry_memory: see `EideticLSTMCell`.
        wiring: plain, residual or residual_concat, see `tfvp.models.wiring`.

    Raises:
        ValueError: at the first call, if carry_memory is set and the widths differ.
    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        kernel: tuple[int, int, int] = (2, 5, 5),
        *,
        carry_memory: bool = False,
        wiring: str = "plain",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if carry_memory and len(set(hidden)) > 1:
            raise ValueError(
                f"hidden: with carry_memory every layer must have the same width, got {hidden}"
            )
        self.hidden = tuple(hidden)
        self.kernel = tuple(kernel)
        self.carry_memory = carry_memory
        self.wiring = wiring
        self.cells = [
            EideticLSTMCell(
                width,
                kernel,
                carry_memory=carry_memory,
                keep_recall=i % 2 == 0,  # a compromise of memory and time: docs/performance.md
                dtype=self.dtype_policy,
                name=f"e3d{i}",
            )
            for i, width in enumerate(self.hidden)
        ]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        batch, height, width, channels = frame_shape
        window = (batch, WINDOW, height, width)
        for i, cell in enumerate(self.cells):
            cell.build((*window, channels if i == 0 else self._width(i)))
        self.decoder = WindowDecoder(channels, dtype=self.dtype_policy, name="decoder")
        self.decoder.build((*window, self._width(len(self.cells))))
        self.built = True

    def _width(self, layer: int) -> int:
        return layer_width(layer, self.hidden, self.wiring)

    def initial_state(self, batch_size, frame_shape) -> EideticStackState:
        """Return the all-zero state for frames of (H, W, C)."""
        height, width, channels = frame_shape
        places = (WINDOW, height, width)
        states = [cell.get_initial_state(batch_size, places) for cell in self.cells]
        return EideticStackState(
            frame=ops.zeros((batch_size, height, width, channels), dtype=self.compute_dtype),
            layers=tuple(state._replace(memory=None) for state in states),
            # In the released program it is zero for good; None spares its convolutions.
            memory=states[-1].memory if self.carry_memory else None,
        )

    def call(self, frame, state: EideticStackState):
        """Predict the frame after `frame` (B, H, W, C); returns it and the new state."""
        window = ops.stack([ops.cast(state.frame, frame.dtype), frame], axis=1)
        outputs, states, memory = run_stack_with_memory(
            self.cells, window, state.layers, state.memory, self.wiring
        )
        prediction = self.decoder(layer_input(len(outputs), outputs, self.wiring))
        return prediction, EideticStackState(frame=frame, layers=states, memory=memory)

    def programs(self) -> dict[str, Program]:
        """Return the released TF1 program, whose checkpoints can be read."""
        return {"tf1": E3DProgram(self)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "kernel": self.kernel,
            "carry_memory": self.carry_memory,
            "wiring": self.wiring,
        }


def build(model: EideticStackConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    core = EideticStack(
        model.hidden,
        model.cell.kernel,
        carry_memory=model.cell.carry_memory,
        wiring=model.wiring,
        name="core",
    )
    return RecurrentPredictor(core, data.frame_shape, model.patch_px, name="predictor")
