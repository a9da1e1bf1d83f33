"""SimpleLSTM: dense layers into an LSTM that goes on from its own output, and out again."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class SimpleLSTM(keras.layers.Layer):
    """The core of Colonna and Manganaro's 2023 baseline for `EncoderDecoderPredictor`.

    Frames as vectors go through dense layers (relu) into an LSTM. relu of its output goes through
    dense layers (relu) to a frame, and is the LSTM's next input once the context is over; so the
    LSTM is as wide as the encoder's last layer. The first predicted frame is made of the output for
    the last context frame. No prediction is ever read.

    The program's LSTM is bidirectional and gets a batch of vectors where it expects a sequence, so
    that in training it runs along the batch and clips see each other. Here it runs along time.

    Args:
        encoder: units of each dense layer before the LSTM.
        decoder: units of each dense layer after it, but the last, which has the frame's size.
    """

    directions = ("future",)
    conditional = ()
    opening = "zeros"

    def __init__(self, encoder: tuple[int, ...], decoder: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)
        self.encoder = tuple(encoder)
        self.decoder_units = tuple(decoder)
        self.cell = keras.layers.LSTMCell(
            self.encoder[-1], unit_forget_bias=False, dtype=self.dtype_policy, name="lstm"
        )

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        pixels = math.prod(frame_shape[1:])
        self.frame_shape = tuple(frame_shape[1:])
        self.dense_in = self._dense(self.encoder, "encoder")
        self.decoder = self._dense((*self.decoder_units, pixels), "decoder")
        self.dense_in.build((None, pixels))
        self.cell.build((None, self.encoder[-1]))
        self.decoder.build((None, self.encoder[-1]))
        self.built = True

    def _dense(self, widths: tuple[int, ...], name: str) -> keras.Sequential:
        layers = [
            keras.layers.Dense(units, activation="relu", dtype=self.dtype_policy, name=f"dense{i}")
            for i, units in enumerate(widths)
        ]
        return keras.Sequential(layers, name=name)

    def initial_state(self, batch_size, frame_shape):
        """All-zero hidden and cell state."""
        del frame_shape
        return tuple(self.cell.get_initial_state(batch_size))

    def encode(self, frame, state):
        """Read a frame (B, H, W, C)."""
        return self._step(
            self.dense_in(ops.reshape(frame, (-1, math.prod(self.frame_shape)))), state
        )

    def start(self, state, direction: str):
        """The decoder goes on from the encoder's state."""
        del direction
        return state

    def decode(self, direction: str):
        """The decoder's step; the frame given to it is not read."""
        del direction
        return self._go_on

    def _go_on(self, frame, state):
        """The frame that the state shows, then a step on the LSTM's own output."""
        del frame
        output = ops.relu(state[0])
        prediction = ops.reshape(self.decoder(output), (-1, *self.frame_shape))
        return prediction, self._step(output, state)[1]

    def _step(self, x, state):
        output, after = self.cell(x, list(state))
        return output, tuple(after)

    def get_config(self):
        """Return the constructor's arguments."""
        config = {"encoder": self.encoder, "decoder": self.decoder_units}
        return {**super().get_config(), **config}
