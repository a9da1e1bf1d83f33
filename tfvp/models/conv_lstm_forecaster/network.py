"""Shi's encoder-forecaster: ConvLSTM layers read the context, others predict from their states."""

from typing import Any

import keras
from keras import ops

from tfvp.cells.conv_lstm import ConvLSTMCell, ConvLSTMState
from tfvp.models.conv_lstm_forecaster.config import ConvLSTMForecasterConfig
from tfvp.models.encoder_decoder import EncoderDecoderCore, EncoderDecoderPredictor
from tfvp.models.wiring import run_stack
from tfvp.sections import DataSection


@keras.saving.register_keras_serializable(package="tfvp")
class ConvLSTMForecaster(EncoderDecoderCore):
    """The core of Shi et al. 2015 (NIPS, arXiv:1506.04214) for `EncoderDecoderPredictor`.

    Every forecaster layer starts from the states of the encoder layer of its width. The first has
    no input at all, each further one reads the layer before; a 1x1 convolution of all their outputs
    side by side and a sigmoid give the frame. No prediction is ever read.

    7,585,296 parameters at 128, 64, 64 with channel peepholes and patches of 4, as published. The
    counts do not tell whether the forecaster's layers stand in the encoder's order or mirrored;
    the authors' later program mirrors them and calls that a change.

    Wang 2017's ConvLSTM autoencoder is the same with `direction="past"`: its decoder gives the
    context, from the last frame to the first. There `conditional` decoders are described too, which
    read the frame before: in training the true one (of the future where the mask says so), else
    what they made.

    >>> core = ConvLSTMForecaster(hidden=(4, 4), cell={})
    >>> network = EncoderDecoderPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0: σ(0)
    ((2, 2, 8, 8, 1), 0.5)

    Args:
        hidden: channels of each layer of the encoder.
        cell: arguments of every `ConvLSTMCell` but `filters`.
        order: same or reversed, of the forecaster's layers.
        direction: future or past.
        conditional: whether the forecaster's first layer reads frames.
    """

    first_input = "zeros"

    def __init__(
        self,
        hidden: tuple[int, ...],
        cell: dict[str, Any],
        *,
        order: str = "same",
        direction: str = "future",
        conditional: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.directions = (direction,)
        self.conditional = (direction,) if conditional else ()
        self.hidden = tuple(hidden)
        self.cell = dict(cell)
        self.order = order
        policy = self.dtype_policy
        self.encoder = [
            ConvLSTMCell(width, **self.cell, dtype=policy, name=f"encoder{i}")
            for i, width in enumerate(self.hidden)
        ]
        self.forecaster = [
            ConvLSTMCell(
                width,
                **self.cell,
                reads_input=conditional or i > 0,
                dtype=policy,
                name=f"forecaster{i}",
            )
            for i, width in enumerate(self._in_order(self.hidden))
        ]

    def _in_order(self, of_encoder: tuple) -> tuple:
        """Bring one value per encoder layer into the order of the forecaster's layers."""
        return of_encoder if self.order == "same" else of_encoder[::-1]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        *places, channels = frame_shape
        for cell, width in zip(self.encoder, (channels, *self.hidden), strict=False):
            cell.build((*places, width))
        widths = self._in_order(self.hidden)
        for cell, width in zip(self.forecaster, (channels, *widths), strict=False):
            cell.build((*places, width))
        self.decoder = keras.layers.Conv2D(
            channels, 1, activation="sigmoid", dtype=self.dtype_policy, name="decoder"
        )
        self.decoder.build((*places, sum(self.hidden)))
        self.built = True

    def initial_state(self, batch_size, frame_shape) -> tuple[ConvLSTMState, ...]:
        """Return the all-zero state of the encoder for frames of (H, W, C)."""
        return tuple(cell.get_initial_state(batch_size, frame_shape[:2]) for cell in self.encoder)

    def encode(self, frame, state: tuple[ConvLSTMState, ...]):
        """Read a frame (B, H, W, C); returns the last layer's output and the new state."""
        outputs, state = run_stack(self.encoder, frame, state)
        return outputs[-1], state

    def start(self, state: tuple[ConvLSTMState, ...], direction: str):
        """Return the forecaster's first states, which are the encoder's last."""
        del direction
        return self._in_order(state)

    def decode(self, direction: str):
        """Return the forecaster's step, which reads its frame only where it is conditional."""
        del direction
        return self._forecast

    def _forecast(self, frame, state: tuple[ConvLSTMState, ...]):
        outputs, state = run_stack(self.forecaster, frame, state)
        return self.decoder(ops.concatenate(outputs, axis=-1)), state

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "cell": self.cell,
            "order": self.order,
            "direction": self.directions[0],
            "conditional": bool(self.conditional),
        }


def build(model: ConvLSTMForecasterConfig, data: DataSection) -> EncoderDecoderPredictor:
    """Build the network of a configuration."""
    core = ConvLSTMForecaster(
        model.hidden,
        model.cell.arguments(),
        order=model.order,
        direction=model.direction,
        conditional=model.conditional,
        name="core",
    )
    return EncoderDecoderPredictor(core, data.frame_shape, model.patch_px, name="predictor")
