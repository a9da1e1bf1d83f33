"""ConvLSTM layers between convolutions with skips, which read the context a second time."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfvp.cells.conv_lstm import ConvLSTMCell, ConvLSTMState
from tfvp.models.conv_lstm_skip.config import ConvLSTMSkipConfig
from tfvp.models.conv_lstm_skip.weights import released_program
from tfvp.models.encoder_decoder import EncoderDecoderCore, EncoderDecoderPredictor
from tfvp.porting.program import Program
from tfvp.sections import DataSection

_PIXEL_MAX = 255.0  # the program's frames are bytes
_STEEPNESS = 10.0  # slope of the last sigmoid, whose input is a tanh


@keras.saving.register_keras_serializable(package="tfvp")
class ConvLSTMSkip(EncoderDecoderCore):
    """The core of Colonna and Manganaro's 2023 ConvLSTM for `EncoderDecoderPredictor`.

    BN is batch normalisation, `*` same-padded convolution, x a frame in [0, 255]:

        a = gelu(BN(Wa * x))    b = gelu(BN(Wb * a))    b -> encoder 1 -> encoder 2
        step of the future: ... encoder 2 -> decoder 1 -> decoder 2 = h
        y = σ(10 tanh(Wz * (gelu(BN(Wy * (h + b))) + a)))

    The decoder's layers start from zero; the encoder's states go on in the future.

    The report and the released program, with which its weights were made, are two networks. The
    report halves the maps at first (stride 2) and doubles them at last; its future reads the last
    frame of the context again and then its own predictions. In the program all maps have the
    frame's size, and step t of the future reads frame t of the context once more, in training and
    in use; past as many steps as the context has it stops, where here the last frame is read.

    Shapes: frames (B, H, W, C) in [0, 1], predictions likewise, in (0, 1).

    >>> core = ConvLSTMSkip(hidden=4, kernel=3, cell={})
    >>> network = EncoderDecoderPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all maps 0: σ(0)
    ((2, 2, 8, 8, 1), 0.5)

    Args:
        hidden: channels of the four ConvLSTM layers; even, the outer convolutions have half.
        kernel: side of the outer convolutions.
        cell: arguments of every `ConvLSTMCell` but `filters`.
        stride: stride of the first convolution, undone by the last; 1: the program, 2: the report.
        reads: what a step of the future reads, context: the program; predictions: the report.
    """

    directions = ("future",)

    def __init__(
        self,
        hidden: int,
        kernel: int,
        cell: dict[str, Any],
        *,
        stride: int = 1,
        reads: str = "context",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.kernel = kernel
        self.cell = dict(cell)
        self.stride = stride
        self.reads = reads
        self.first_input = {"context": "context", "predictions": "last"}[reads]
        self.conditional = ("future",) if reads == "predictions" else ()
        self.cells = {
            name: ConvLSTMCell(hidden, **self.cell, dtype=self.dtype_policy, name=name)
            for name in ("enc1", "enc2", "dec1", "dec2")
        }

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        *_, height, width, channels = frame_shape
        half, places = self.hidden // 2, self._smaller((height, width))
        self.outer = {
            "conv1": self._conv("conv1", half, self.stride),
            "conv2": self._conv("conv2", self.hidden),
            "deconv1": self._conv("deconv1", half),
            "deconv2": self._conv("deconv2", channels, self.stride, up=True),
        }
        for (name, layer), seen in zip(
            self.outer.items(), (channels, half, self.hidden, half), strict=True
        ):
            layer.build((None, *((height, width) if name == "conv1" else places), seen))
        # PyTorch's settings; its momentum is 1 - Keras'
        self.norms = {
            name: keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, dtype=self.dtype_policy, name=f"{name}_norm"
            )
            for name in ("conv1", "conv2", "deconv1")
        }
        for name, norm in self.norms.items():
            norm.build((None, *places, self.outer[name].filters))
        for cell in self.cells.values():
            cell.build((None, *places, self.hidden))
        self.built = True

    def _smaller(self, places):
        """Return rows and columns of the inner maps for those (H, W) of a frame."""
        return tuple(-(-n // self.stride) for n in places)

    def _conv(self, name: str, filters: int, stride: int = 1, *, up: bool = False):
        kind = keras.layers.Conv2DTranspose if up and stride > 1 else keras.layers.Conv2D
        return kind(
            filters,
            self.kernel,
            strides=stride,
            padding="same",
            dtype=self.dtype_policy,
            name=name,
        )

    @property
    def decoder(self) -> list[keras.layers.Layer]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Return the layers that make frames."""
        cells = [self.cells["dec1"], self.cells["dec2"]]
        return [*cells, self.outer["deconv1"], self.norms["deconv1"], self.outer["deconv2"]]

    def initial_state(self, batch_size, frame_shape) -> tuple[ConvLSTMState, ...]:
        """Return the all-zero state of the encoder for frames of (H, W, C)."""
        encoder, places = (self.cells["enc1"], self.cells["enc2"]), self._smaller(frame_shape[:2])
        return tuple(cell.get_initial_state(batch_size, places) for cell in encoder)

    def encode(self, frame, state: tuple[ConvLSTMState, ...]):
        """Read a frame (B, H, W, C); returns the last layer's output and the new state."""
        output, _, state = self._read(frame, state)
        return output, state

    def _read(self, frame, state: Sequence[ConvLSTMState]):
        """Return encoder 2's output, the maps (a, b) that skip the ConvLSTMs, and the new state."""
        a = self._block("conv1", frame * _PIXEL_MAX)
        b = self._block("conv2", a)
        hidden, first = self.cells["enc1"](b, state[0])
        hidden, second = self.cells["enc2"](hidden, state[1])
        return hidden, (a, b), (first, second)

    def _block(self, name: str, x):
        return ops.gelu(self.norms[name](self.outer[name](x)), approximate=False)

    def start(self, state: tuple[ConvLSTMState, ...], direction: str):
        """Return the encoder's last states and all-zero ones of the decoder."""
        del direction
        zeros = ConvLSTMState(*(ops.zeros_like(x) for x in state[-1]))
        return (*state, zeros, zeros)

    def decode(self, direction: str):
        """Return the decoder's step, which reads a frame."""
        del direction
        return self._forecast

    def _forecast(self, frame, state: tuple[ConvLSTMState, ...]):
        *encoder, third, fourth = state
        hidden, (a, b), encoder = self._read(frame, encoder)
        hidden, third = self.cells["dec1"](hidden, third)
        hidden, fourth = self.cells["dec2"](hidden, fourth)
        x = self.outer["deconv2"](self._block("deconv1", hidden + b) + a)
        return ops.sigmoid(_STEEPNESS * ops.tanh(x)), (*encoder, third, fourth)

    def programs(self) -> dict[str, Program]:
        """Return the PyTorch program, whose released files and those of its report can be read."""
        return {"torch": released_program(self)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "kernel": self.kernel,
            "cell": self.cell,
            "stride": self.stride,
            "reads": self.reads,
        }


def build(model: ConvLSTMSkipConfig, data: DataSection) -> EncoderDecoderPredictor:
    """Build the network of a configuration."""
    core = ConvLSTMSkip(
        model.hidden,
        model.kernel,
        model.cell.arguments(),
        stride=model.stride,
        reads=model.reads,
        name="core",
    )
    return EncoderDecoderPredictor(core, data.frame_shape, name="predictor")
