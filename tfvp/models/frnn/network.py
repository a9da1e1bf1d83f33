"""The folded recurrent network: context frames go up its layers, predictions come down them."""

from typing import Any, NamedTuple

import keras
from keras import ops

from tfvp.layers.bijective import BijectiveConv, BijectiveGRU
from tfvp.models.encoder_decoder import EncoderDecoderCore, EncoderDecoderPredictor
from tfvp.models.frnn.config import FRNNConfig
from tfvp.models.rollout import Step
from tfvp.sections import DataSection
from tfvp.shapes import Tensor

CONVOLUTIONS = 2  # layers below the lowest recurrent unit


class FRNNState(NamedTuple):
    """The state of the recurrent units, from the lowest to the highest."""

    states: tuple[Tensor, ...]  # (B, h, w, filters), changed on the way up
    inputs: tuple[Tensor, ...]  # (B, h, w, channels), read on the way up, changed on the way down


@keras.saving.register_keras_serializable(package="tfvp")
class FRNN(EncoderDecoderCore):
    """The core of Oliu et al. 2018 (FRNN, ECCV, arXiv:1712.00311), as released.

    Two convolutions, then bijective GRUs, with a maximum over 2x2 places before every second of
    them. Each frame of the context goes up through all layers; every unit keeps its state and the
    input that it read. A prediction goes down from the highest state: each unit updates the input
    that it had read, which is what goes on down (where it went up through a maximum, every place
    is repeated 2x2), and the lowest convolution makes the frame. Then the highest unit alone goes
    up, with its updated input. Predictions are never read, and after the context the lower units'
    states are not used: the inputs, their folded counterpart, take their place.

    So the encoder and the decoder have one memory, and it is an encoder-decoder: its decoder
    starts from the encoder's state and reads no frame.

    Shapes: frames (B, H, W, C) in [0, 1], predictions likewise; inside they are in [-1, 1].

    >>> core = FRNN(hidden=(4, 4, 4), kernels=(3, 3, 3))
    >>> network = EncoderDecoderPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.full((2, 3, 8, 8, 1), 0.5), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # grey is 0 inside, and stays so
    ((2, 2, 8, 8, 1), 0.5)

    Args:
        hidden: channels of each layer, convolutions first. A shorter tuple is the paper's network
            with its highest layers removed.
        kernels: side of each layer's convolutions.
    """

    directions = ("future",)
    conditional = ()
    first_input = "zeros"

    def __init__(self, hidden: tuple[int, ...], kernels: tuple[int, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden = tuple(hidden)
        self.kernels = tuple(kernels)
        sizes = list(zip(self.hidden, self.kernels, strict=True))
        self.decoder = [
            BijectiveConv(*size, dtype=self.dtype_policy, name=f"conv{i}")
            for i, size in enumerate(sizes[:CONVOLUTIONS])
        ]
        self.units = [
            BijectiveGRU(*size, dtype=self.dtype_policy, name=f"unit{i}")
            for i, size in enumerate(sizes[CONVOLUTIONS:])
        ]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C), H and W divisible by each halving."""
        *places, channels = frame_shape
        for layer, read in zip(
            [*self.decoder, *self.units], (channels, *self.hidden), strict=False
        ):
            layer.build((*places, read))
        self.built = True

    def initial_state(self, batch_size, frame_shape) -> FRNNState:
        """Return the learned first states, and inputs of zero, which are not read."""
        height, width, _ = frame_shape
        states, inputs = [], []
        for i, unit in enumerate(self.units):
            halved = 2 ** (i // 2 + 1)
            shape = (batch_size, height // halved, width // halved)
            zeros = ops.zeros((*shape, unit.filters), dtype=self.compute_dtype)
            states.append(zeros + ops.cast(unit.first_state, self.compute_dtype))
            inputs.append(ops.zeros((*shape, unit.input_channels), dtype=self.compute_dtype))
        return FRNNState(tuple(states), tuple(inputs))

    def encode(self, frame, state: FRNNState):
        """Take a frame (B, H, W, C) up; returns the highest unit's output and the new state."""
        x = 2 * frame - 1
        for conv in self.decoder:
            x = conv(x)
        states, inputs = [], []
        for i, (unit, before) in enumerate(zip(self.units, state.states, strict=True)):
            if i % 2 == 0:
                x = ops.max_pool(x, 2, strides=2, padding="valid")
            inputs.append(x)
            x = unit(x, before)
            states.append(x)
        return x, FRNNState(tuple(states), tuple(inputs))

    def start(self, state: FRNNState, direction: str) -> FRNNState:
        """Return the encoder's state, which is the decoder's too."""
        del direction
        return state

    def decode(self, direction: str) -> Step:
        """Return the decoder's step, which ignores the frame that it is given."""
        del direction
        return self._go_down

    def _go_down(self, frame, state: FRNNState):
        """Return the frame that the highest state predicts, and the state after it."""
        del frame
        x, inputs = state.states[-1], list(state.inputs)
        for i in reversed(range(len(self.units))):
            x = inputs[i] = self.units[i].down(inputs[i], x)
            if i % 2 == 0:
                x = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
        for conv in reversed(self.decoder):
            x = conv.down(x)
        highest = self.units[-1](inputs[-1], state.states[-1])
        return (x + 1) / 2, FRNNState((*state.states[:-1], highest), tuple(inputs))

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "hidden": self.hidden, "kernels": self.kernels}


def build(model: FRNNConfig, data: DataSection) -> EncoderDecoderPredictor:
    """Build the network of a configuration."""
    core = FRNN(model.hidden, model.kernels, name="core")
    return EncoderDecoderPredictor(core, data.frame_shape, name="predictor")
