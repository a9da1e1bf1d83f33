"""LSTM encoder with decoders of the past and the future, on frames as vectors."""

import math

import keras
from keras import ops

from tfvp.cells.fc_lstm import FCLSTMCell, FCLSTMState
from tfvp.models.encoder_decoder import EncoderDecoderCore, EncoderDecoderPredictor
from tfvp.models.fc_lstm.config import FCLSTMConfig
from tfvp.models.wiring import run_stack
from tfvp.sections import DataSection


@keras.saving.register_keras_serializable(package="tfvp")
class FCLSTMDecoder(keras.layers.Layer):
    """One step of a decoder: frame before (or nothing), state -> frame, state.

    The first layer reads the frame only if the decoder is conditional; the frame is made of the
    last layer's output.

    >>> decoder, state = FCLSTMDecoder(hidden=(8,)), (FCLSTMCell(8).get_initial_state(2),)
    >>> decoder.build((2, 8, 8, 1))
    >>> frame, state = decoder(ops.zeros((2, 8, 8, 1)), state)
    >>> tuple(frame.shape), float(frame[0, 0, 0, 0])
    ((2, 8, 8, 1), 0.5)
    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        *,
        activation: str = "tanh",
        conditional: bool = False,
        output: str = "sigmoid",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden = tuple(hidden)
        self.activation = activation
        self.conditional = conditional
        self.output_activation = output
        self.cells = [
            FCLSTMCell(
                units,
                activation=activation,
                reads_input=conditional or i > 0,
                dtype=self.dtype_policy,
                name=f"layer{i}",
            )
            for i, units in enumerate(self.hidden)
        ]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        pixels = math.prod(frame_shape[1:])
        for cell, width in zip(self.cells, (pixels, *self.hidden), strict=False):
            cell.build((None, width))
        self.readout = keras.layers.Dense(
            pixels,
            activation=self.output_activation,
            kernel_initializer=keras.initializers.RandomUniform(-0.01, 0.01),
            dtype=self.dtype_policy,
            name="readout",
        )
        self.readout.build((None, self.hidden[-1]))
        self.built = True

    def call(self, frame, state):
        """Take one step: frame (B, H, W, C)."""
        vector = ops.reshape(frame, (-1, math.prod(frame.shape[1:])))
        outputs, state = run_stack(self.cells, vector, state)
        return ops.reshape(self.readout(outputs[-1]), (-1, *frame.shape[1:])), state

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "activation": self.activation,
            "conditional": self.conditional,
            "output": self.output_activation,
        }


@keras.saving.register_keras_serializable(package="tfvp")
class FCLSTMAutoencoder(EncoderDecoderCore):
    """The core of Srivastava et al. 2015 (arXiv:1502.04681) for `EncoderDecoderPredictor`.

    An encoder reads the frames as vectors; its last state starts, layer by layer, a decoder that
    reconstructs the context from its last frame to its first, a decoder that predicts the future,
    or both (the composite). A decoder's first output comes after one step of its own, without
    input. With the encoder's last state (h, c)_T, f a step of a decoder's LSTM and D its readout:

        ŷ_1 = D(f(0, (h, c)_T))        ŷ_k = D(f(y_{k-1}, (h, c)_{k-1}))

    where y is x_T, x_{T-1}, … x_1 for the past, x_{T+1}, … for the future, and nothing for an
    unconditional decoder. In training the past's conditional decoder reads true frames. When a
    reconstruction is measured it does so too as released (`past_reads="truth"`); the paper and Wang
    2017 give it the frame before that it made ("own"), so that all it shows comes out of the state.

    >>> core = FCLSTMAutoencoder(hidden=(8,))
    >>> network = EncoderDecoderPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0: σ(0)
    ((2, 2, 8, 8, 1), 0.5)

    Args:
        hidden: units of each layer.
        activation: tanh or relu.
        reconstruction: none, unconditional or conditional.
        future: none, unconditional or conditional.
        output: sigmoid or linear.
        past_reads: truth or own, see above.
    """

    first_input = "zeros"

    def __init__(
        self,
        hidden: tuple[int, ...],
        *,
        activation: str = "tanh",
        reconstruction: str = "none",
        future: str = "unconditional",
        output: str = "sigmoid",
        past_reads: str = "truth",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.past_reads = past_reads
        self.hidden = tuple(hidden)
        self.activation = activation
        self.reconstruction = reconstruction
        self.future = future
        self.output_activation = output
        self.encoder = [
            FCLSTMCell(units, activation=activation, dtype=self.dtype_policy, name=f"encoder{i}")
            for i, units in enumerate(self.hidden)
        ]
        self.past_decoder = self._decoder(reconstruction, "past")
        self.decoder = self._decoder(future, "future")
        kinds = {"past": reconstruction, "future": future}
        self.directions = tuple(d for d, kind in kinds.items() if kind != "none")
        self.conditional = tuple(d for d, kind in kinds.items() if kind == "conditional")

    def _decoder(self, kind: str, name: str) -> FCLSTMDecoder | None:
        if kind == "none":
            return None
        return FCLSTMDecoder(
            self.hidden,
            activation=self.activation,
            conditional=kind == "conditional",
            output=self.output_activation,
            dtype=self.dtype_policy,
            name=name,
        )

    def decoder_layers(self) -> list[keras.layers.Layer]:
        """Return the future's decoder, or the past's where it is alone."""
        return [self.decoder or self.past_decoder]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        pixels = math.prod(frame_shape[1:])
        for cell, width in zip(self.encoder, (pixels, *self.hidden), strict=False):
            cell.build((None, width))
        for decoder in (self.past_decoder, self.decoder):
            if decoder:
                decoder.build(frame_shape)
        self.built = True

    def initial_state(self, batch_size, frame_shape) -> tuple[FCLSTMState, ...]:
        """Return all-zero state of the encoder."""
        del frame_shape
        return tuple(cell.get_initial_state(batch_size) for cell in self.encoder)

    def encode(self, frame, state):
        """Read a frame (B, H, W, C)."""
        vector = ops.reshape(frame, (-1, math.prod(frame.shape[1:])))
        outputs, state = run_stack(self.encoder, vector, state)
        return outputs[-1], state

    def start(self, state, direction: str):
        """Return a decoder's first states: the encoder's last."""
        del direction
        return state

    def decode(self, direction: str):
        """Return a decoder's step."""
        decoder = {"past": self.past_decoder, "future": self.decoder}[direction]
        if decoder is None:
            raise ValueError(f"direction: this network has no decoder of the {direction}")
        return decoder

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "activation": self.activation,
            "reconstruction": self.reconstruction,
            "future": self.future,
            "output": self.output_activation,
            "past_reads": self.past_reads,
        }


def build(model: FCLSTMConfig, data: DataSection) -> EncoderDecoderPredictor:
    """Build the network of a configuration."""
    core = FCLSTMAutoencoder(
        model.hidden,
        activation=model.cell.activation,
        reconstruction=model.reconstruction,
        future=model.future,
        output=model.output,
        past_reads=model.past_reads,
        name="core",
    )
    return EncoderDecoderPredictor(core, data.frame_shape, name="predictor")
