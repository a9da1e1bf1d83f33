"""SimpleLSTM: a dense encoder, an LSTM that reads its own output, and a dense decoder."""

import math

import keras
from keras import ops

from tfvp.models.encoder_decoder import EncoderDecoderCore, EncoderDecoderPredictor
from tfvp.models.simple_lstm.config import SimpleLSTMConfig
from tfvp.sections import DataSection
from tfvp.shapes import Tensor

_PIXEL_MAX = 255.0  # the program's frames are bytes

LSTMStates = tuple[tuple[Tensor, Tensor], ...]
"""Hidden and cell state (B, units) of each LSTM."""


@keras.saving.register_keras_serializable(package="tfvp")
class SimpleLSTM(EncoderDecoderCore):
    """The core of Colonna and Manganaro's 2023 baseline for `EncoderDecoderPredictor`.

    Frames as vectors in [0, 255] go through dense layers (relu) into an LSTM. relu of its output
    goes through dense layers (relu) to a frame, and is the LSTM's next input once the context is
    over; so the LSTM is as wide as the encoder's last layer. The first predicted frame is made of
    the output for the last context frame. No prediction is ever read.

    An earlier state of the program has a bidirectional LSTM. It is called once for every frame, so
    both directions read the same one vector and each goes on from its own state: two LSTMs of half
    the width side by side.

    Both states of the program give a batch of vectors to an LSTM that expects a sequence, so that
    it runs along the batch and clips see each other. Here clips are independent; the numbers are
    those of the program for one clip alone.

    Shapes: frames (B, H, W, C) in [0, 1], predictions likewise, not negative.

    >>> core = SimpleLSTM(encoder=(8, 4), decoder=(8,))
    >>> network = EncoderDecoderPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0
    ((2, 2, 8, 8, 1), 0.0)

    Args:
        encoder: units of each dense layer before the LSTM.
        decoder: units of each dense layer after it, but the last, which has the frame's size.
        bidirectional: False: one LSTM, the program's last state; True: two, an earlier state.
    """

    directions = ("future",)
    conditional = ()
    first_input = "zeros"

    def __init__(
        self,
        encoder: tuple[int, ...],
        decoder: tuple[int, ...],
        *,
        bidirectional: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.encoder = tuple(encoder)
        self.decoder_units = tuple(decoder)
        self.bidirectional = bidirectional
        names = ("lstm", "lstm_reverse") if bidirectional else ("lstm",)
        self.cells = [
            keras.layers.LSTMCell(
                self.encoder[-1] // len(names),
                unit_forget_bias=False,
                dtype=self.dtype_policy,
                name=name,
            )
            for name in names
        ]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        pixels = math.prod(frame_shape[1:])
        self.frame_shape = tuple(frame_shape[1:])
        self.dense_in = self._dense(self.encoder, "encoder")
        self.decoder = self._dense((*self.decoder_units, pixels), "decoder")
        self.dense_in.build((None, pixels))
        for cell in self.cells:
            cell.build((None, self.encoder[-1]))
        self.decoder.build((None, self.encoder[-1]))
        self.built = True

    def _dense(self, widths: tuple[int, ...], name: str) -> keras.Sequential:
        layers = [
            keras.layers.Dense(units, activation="relu", dtype=self.dtype_policy, name=f"dense{i}")
            for i, units in enumerate(widths)
        ]
        return keras.Sequential(layers, name=name)

    def initial_state(self, batch_size, frame_shape) -> LSTMStates:
        """Return the all-zero hidden and cell state of each LSTM."""
        del frame_shape
        return tuple(tuple(cell.get_initial_state(batch_size)) for cell in self.cells)

    def encode(self, frame, state: LSTMStates):
        """Read a frame (B, H, W, C); returns the encoder's output and the new state."""
        pixels = ops.reshape(_PIXEL_MAX * frame, (-1, math.prod(self.frame_shape)))
        encoded = self.dense_in(pixels)
        return encoded, self._step(encoded, state)

    def start(self, state: LSTMStates, direction: str):
        """Return the encoder's last state, from which the decoder goes on."""
        del direction
        return state

    def decode(self, direction: str):
        """Return the decoder's step, which ignores the frame that it is given."""
        del direction
        return self._go_on

    def _go_on(self, frame, state: LSTMStates):
        """Return the frame of the LSTM's output, and the state after it has read that output."""
        del frame
        output = ops.relu(ops.concatenate([hidden for hidden, _ in state], axis=-1))
        pixels = self.decoder(output) / _PIXEL_MAX
        return ops.reshape(pixels, (-1, *self.frame_shape)), self._step(output, state)

    def _step(self, x, state: LSTMStates) -> LSTMStates:
        """Return the state of each LSTM after it has read x."""
        steps = [cell(x, list(own)) for cell, own in zip(self.cells, state, strict=True)]
        return tuple(tuple(after) for _, after in steps)

    def get_config(self):
        """Return the constructor's arguments."""
        config = {
            "encoder": self.encoder,
            "decoder": self.decoder_units,
            "bidirectional": self.bidirectional,
        }
        return {**super().get_config(), **config}


def build(model: SimpleLSTMConfig, data: DataSection) -> EncoderDecoderPredictor:
    """Build the network of a configuration."""
    core = SimpleLSTM(model.encoder, model.decoder, bidirectional=model.bidirectional, name="core")
    return EncoderDecoderPredictor(core, data.frame_shape, name="predictor")
