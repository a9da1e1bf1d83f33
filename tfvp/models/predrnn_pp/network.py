"""PredRNN++'s stack for one step of time: causal LSTMs with a gradient highway above the first."""

from typing import NamedTuple

import keras

from tfvp.cells.causal_lstm import CausalLSTMCell, CausalLSTMState
from tfvp.cells.ghu import GHU, GHUState
from tfvp.models.predrnn_pp.config import PredRNNPPConfig
from tfvp.models.predrnn_pp.weights import PredRNNPPProgram
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.wiring import run_stack_with_memory
from tfvp.porting.program import Program
from tfvp.sections import DataSection
from tfvp.shapes import Tensor


class PredRNNPPState(NamedTuple):
    """The state that the stack carries from one step to the next."""

    layers: tuple[CausalLSTMState, ...]
    highway: GHUState
    memory: Tensor  # (B, H, W, hidden[-1]), from layer to layer, then to t + 1


@keras.saving.register_keras_serializable(package="tfvp")
class PredRNNPP(RecurrentCore):
    """One step of PredRNN++ (Wang et al. 2018), as its released TF1 program.

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. The first layer's output goes
    through the highway to the second. The memory leaves layer k and enters layer k + 1 of the same
    step, the last layer's enters the first of the next step; its width follows the layers'. The
    next frame is a 1x1 convolution of the last layer's output, linear.

    >>> network = RecurrentPredictor(PredRNNPP(hidden=(4, 4), kernel=3), frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(keras.ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0
    ((2, 2, 8, 8, 1), 0.0)

    Args:
        hidden: channels of each layer, two or more; the highway has the first layer's.
        kernel: side of the convolutions.
        layer_norm: see `CausalLSTMCell`.

    Raises:
        ValueError: fewer than two layers.
    """

    def __init__(
        self, hidden: tuple[int, ...], kernel: int = 5, *, layer_norm: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        if len(hidden) < 2:
            raise ValueError(f"hidden: the highway lies between two layers, got {hidden}")
        self.hidden = tuple(hidden)
        self.kernel = kernel
        self.layer_norm = layer_norm
        policy = self.dtype_policy
        self.cells = [
            CausalLSTMCell(
                width,
                kernel,
                memory_channels=self.hidden[i - 1],  # of the last layer for the first
                layer_norm=layer_norm,
                dtype=policy,
                name=f"lstm_{i + 1}",
            )
            for i, width in enumerate(self.hidden)
        ]
        self.highway = GHU(hidden[0], kernel, layer_norm=layer_norm, dtype=policy, name="highway")

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        *places, channels = frame_shape
        for i, cell in enumerate(self.cells):
            cell.build((*places, channels if i == 0 else self.hidden[i - 1]))
        self.highway.build((*places, self.hidden[0]))
        self.decoder = keras.layers.Conv2D(
            channels, 1, dtype=self.dtype_policy, name="back_to_pixel"
        )
        self.decoder.build((*places, self.hidden[-1]))
        self.built = True

    def initial_state(self, batch_size, frame_shape) -> PredRNNPPState:
        """Return the all-zero state for frames of (H, W, C)."""
        places = frame_shape[:2]
        states = [cell.get_initial_state(batch_size, places) for cell in self.cells]
        return PredRNNPPState(
            layers=tuple(state._replace(memory=None) for state in states),
            highway=self.highway.get_initial_state(batch_size, places),
            memory=states[0].memory,
        )

    def call(self, frame, state: PredRNNPPState):
        """Predict the frame after `frame` (B, H, W, C); returns it and the new state."""
        outputs, first, memory = run_stack_with_memory(
            self.cells[:1], frame, state.layers[:1], state.memory
        )
        z, highway = self.highway(outputs[-1], state.highway)
        outputs, others, memory = run_stack_with_memory(self.cells[1:], z, state.layers[1:], memory)
        after = PredRNNPPState(layers=(*first, *others), highway=highway, memory=memory)
        return self.decoder(outputs[-1]), after

    def programs(self) -> dict[str, Program]:
        """Return the released TF1 program, whose checkpoints can be read."""
        return {"tf1": PredRNNPPProgram(self)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "kernel": self.kernel,
            "layer_norm": self.layer_norm,
        }


def build(model: PredRNNPPConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    cell = model.cell
    core = PredRNNPP(model.hidden, cell.kernel, layer_norm=cell.layer_norm, name="core")
    return RecurrentPredictor(core, data.frame_shape, model.patch_px, name="predictor")
