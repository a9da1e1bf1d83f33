"""The core that SimVP and TAU share: encoder, translator, decoder, and no recurrence."""

from typing import Any

import keras
from keras import ops

from tfvp.layers.frame_coder import FrameDecoder, FrameEncoder
from tfvp.models.clip import ClipCore
from tfvp.models.simvp.weights import openstl_names
from tfvp.porting.program import Program
from tfvp.porting.torch_layout import counts_batches
from tfvp.porting.torch_program import TorchProgram


class TranslatorCore(ClipCore):
    """Encodes frame by frame, translates the clip at once, decodes frame by frame.

        latent_t, skip_t = encoder(x_t)      hidden = translator(latent_1 ... latent_T)
        y_t = decoder(hidden_t, skip_t)

    The translator sees time stacked in channels, T outer: channel t S + s of its maps is channel s
    of latent frame t. That binds the weights to T frames.

    context (B, T, H, W, C) in [0, 1] -> the next T frames (B, T, H, W, C), unbounded. H and W are
    multiples of 2^(stages / 2).

    Args:
        context_frames: T.
        hidden: channels S of a frame's maps, even.
        stages: blocks of the encoder, and of the decoder, even.
        kernels: side of the encoder's convolutions and of the decoder's.
    """

    extra_channels = 0
    """Channels that the encoder reads beside those of a frame."""

    def __init__(
        self,
        context_frames: int,
        hidden: int,
        stages: int,
        kernels: tuple[int, int] = (3, 3),
        **kwargs: Any,
    ):
        super().__init__(context_frames, **kwargs)
        self.hidden = hidden
        self.stages = stages
        self.kernels = tuple(kernels)

    def make_translator(self, **settings: Any) -> keras.layers.Layer:
        """Make the layer (B, h, w, T S) -> (B, h, w, T S); `settings` are Keras' name and dtype."""
        raise NotImplementedError

    def build(self, clip_shape):
        """Create every weight; clip_shape is (B, T, H, W, C)."""
        _, length, height, width, channels = clip_shape
        policy, hidden, shrunk = self.dtype_policy, self.hidden, 2 ** (self.stages // 2)
        small = (None, height // shrunk, width // shrunk)
        self.encoder = FrameEncoder(
            hidden, self.kernels[0], self.stages, dtype=policy, name="encoder"
        )
        self.encoder.build((None, height, width, channels + self.extra_channels))
        self.translator = self.make_translator(dtype=policy, name="translator")
        self.translator.build((*small, length * hidden))
        self.decoder = FrameDecoder(
            hidden, self.kernels[1], self.stages, channels, dtype=policy, name="decoder"
        )
        self.decoder.build((*small, hidden))
        self.built = True

    def call(self, context):
        """Predict the frames after a context (B, T, H, W, C + extra channels)."""
        _, length, height, width, channels = context.shape
        latent, skip = self.encoder(ops.reshape(context, (-1, height, width, channels)))
        rows, columns, hidden = latent.shape[1:]
        clips = ops.reshape(latent, (-1, length, rows, columns, hidden))
        stacked = ops.reshape(
            ops.transpose(clips, (0, 2, 3, 1, 4)), (-1, rows, columns, length * hidden)
        )
        clips = ops.reshape(self.translator(stacked), (-1, rows, columns, length, hidden))
        latent = ops.reshape(ops.transpose(clips, (0, 3, 1, 2, 4)), (-1, rows, columns, hidden))
        frames = self.decoder(latent, skip)
        return ops.reshape(frames, (-1, length, *frames.shape[1:]))

    def decoder_layers(self) -> list[keras.layers.Layer]:
        """Return the layers that make frames."""
        return [self.decoder]

    def programs(self) -> dict[str, Program]:
        """Return OpenSTL's program, in PyTorch."""
        return {"torch": TorchProgram(openstl_names(self), counts_batches)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "stages": self.stages,
            "kernels": self.kernels,
        }
