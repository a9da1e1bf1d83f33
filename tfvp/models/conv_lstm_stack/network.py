"""A stack of ConvLSTM cells for one step of time: reads a frame, predicts the next."""

from typing import Any

import keras
from keras import ops

from tfvp.cells.conv_lstm import ConvLSTMCell, ConvLSTMState
from tfvp.models.conv_lstm_stack.config import ConvLSTMStackConfig
from tfvp.models.conv_lstm_stack.weights import openstl_names, unused_by_openstl
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.wiring import run_stack
from tfvp.porting.program import Program
from tfvp.porting.torch_program import TorchProgram
from tfvp.sections import DataSection


@keras.saving.register_keras_serializable(package="tfvp")
class ConvLSTMStack(RecurrentCore):
    """One step of a single ConvLSTM stack that goes on from its own predictions.

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. Layer k reads the output of layer
    k - 1; a 1x1 convolution makes the frame of the outputs of all layers side by side, or of the
    last one.

    Two programs are this network: Feist 2021, section 3.2.1 (all layers, sigmoid, raw frames;
    3,700,481 parameters at 128, 64, 64), and OpenSTL's ConvLSTM (last layer, linear, no biases,
    patches of 4; 11,675,648 at 4 x 128, where its lists count 15,083,520: every cell of it declares
    two convolutions that it never uses).

    >>> core = ConvLSTMStack(hidden=(4, 4), cell={})
    >>> network = RecurrentPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0: σ(0)
    ((2, 2, 8, 8, 1), 0.5)

    Args:
        hidden: channels of each layer.
        cell: arguments of every `ConvLSTMCell` but `filters`.
        readout: all_layers or top_layer.
        output: sigmoid or linear.
        readout_bias: whether the 1x1 convolution has one.
    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        cell: dict[str, Any],
        *,
        readout: str = "all_layers",
        output: str = "sigmoid",
        readout_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden = tuple(hidden)
        self.cell = dict(cell)
        self.readout = readout
        self.output_activation = output
        self.readout_bias = readout_bias
        self.cells = [
            ConvLSTMCell(width, **self.cell, dtype=self.dtype_policy, name=f"layer{i}")
            for i, width in enumerate(self.hidden)
        ]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        *places, channels = frame_shape
        for cell, width in zip(self.cells, (channels, *self.hidden), strict=False):
            cell.build((*places, width))
        self.decoder = keras.layers.Conv2D(
            channels,
            1,
            activation=self.output_activation,
            use_bias=self.readout_bias,
            dtype=self.dtype_policy,
            name="decoder",
        )
        seen = sum(self.hidden) if self.readout == "all_layers" else self.hidden[-1]
        self.decoder.build((*places, seen))
        self.built = True

    def initial_state(self, batch_size, frame_shape) -> tuple[ConvLSTMState, ...]:
        """Return the all-zero state for frames of (H, W, C)."""
        return tuple(cell.get_initial_state(batch_size, frame_shape[:2]) for cell in self.cells)

    def call(self, frame, state: tuple[ConvLSTMState, ...]):
        """Predict the frame after `frame` (B, H, W, C); returns it and the new state."""
        outputs, state = run_stack(self.cells, frame, state)
        every = self.readout == "all_layers"
        seen = ops.concatenate(outputs, axis=-1) if every else outputs[-1]
        return self.decoder(seen), state

    def programs(self) -> dict[str, Program]:
        """Return OpenSTL's program (PyTorch), whose cells have no biases and no peepholes."""
        if self.cell.get("use_bias", True) or self.readout_bias:
            return {}
        return {"torch": TorchProgram(openstl_names(self), unused_by_openstl)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "cell": self.cell,
            "readout": self.readout,
            "output": self.output_activation,
            "readout_bias": self.readout_bias,
        }


def build(model: ConvLSTMStackConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    core = ConvLSTMStack(
        model.hidden,
        model.cell.arguments(),
        readout=model.readout,
        output=model.output,
        readout_bias=model.readout_bias,
        name="core",
    )
    return RecurrentPredictor(core, data.frame_shape, model.patch_px, name="predictor")
