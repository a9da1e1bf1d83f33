"""The Video Pixel Network's residual blocks, its encoder and its decoder."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfvp.layers.masked_conv import MaskedConv2D
from tfvp.shapes import Tensor

Convolve = Callable[[keras.layers.Layer, Tensor], Tensor]
"""How a block convolves with its 3x3 layers: (layer, its input) -> its output."""
SIDE = 3
FRAME_SIDE = 7


def at_once(layer: keras.layers.Layer, x: Tensor) -> Tensor:
    """Convolve x (B, H, W, C) at all places at once."""
    return layer(x)


def conv(filters: int, side: int, name: str, dtype: Any, **settings: Any) -> keras.layers.Conv2D:
    """Make a linear, same-padded convolution with a bias."""
    return keras.layers.Conv2D(filters, side, padding="same", name=name, dtype=dtype, **settings)


class ResidualBlock(keras.layers.Layer):
    """A residual block of the Video Pixel Network with channels / 2 channels inside.

    kind "multiplicative" (Kalchbrenner et al. 2017, section 3.2), all convolutions with bias, σ the
    sigmoid, `*` a 3x3 convolution and W, W' of 1x1:

        MU(h) = σ(W1 * h) ∘ tanh(σ(W2 * h) ∘ h + σ(W3 * h) ∘ tanh(W4 * h))
        y = x + W' MU(MU(W x))

    kind "relu" (van den Oord et al. 2016, PixelCNN; Feist 2021):

        y = x + W' relu(W1 * relu(W relu(x)))

    x, y (B, H, W, channels). The last convolution starts ten times smaller than Glorot's, since
    dozens of blocks follow each other without a norm.

    Args:
        kind: multiplicative or relu.
        channels: channels of x and y.
        dilation: dilation of the 3x3 convolutions.
        masked: the 3x3 convolutions have mask B, see `MaskedConv2D`; without dilation.
    """

    def __init__(self, kind: str, channels: int, *, dilation: int = 1, masked: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.channels, inside, dtype = channels, channels // 2, self.dtype_policy
        small = keras.initializers.VarianceScaling(0.01, "fan_avg", "uniform")
        self.multiplicative = kind == "multiplicative"
        self.first = conv(inside, 1, "first", dtype)
        self.last = conv(channels, 1, "last", dtype, kernel_initializer=small)
        names = ("unit0", "unit1") if self.multiplicative else ("middle",)
        filters = 4 * inside if self.multiplicative else inside
        self.middle = [
            MaskedConv2D(filters, SIDE, name=name, dtype=dtype)
            if masked
            else conv(filters, SIDE, name, dtype, dilation_rate=dilation)
            for name in names
        ]

    def build(self, input_shape):
        """Create every weight."""
        inside = (*input_shape[:-1], self.channels // 2)
        self.first.build(input_shape)
        for layer in self.middle:
            layer.build(inside)
        self.last.build(inside)
        self.built = True

    def call(self, x, convolve: Convolve = at_once):
        """Apply the block to x (B, H, W, channels); `convolve` does each 3x3 convolution."""
        if not self.multiplicative:
            (middle,) = self.middle
            h = ops.relu(self.first(ops.relu(x)))
            return x + self.last(ops.relu(convolve(middle, h)))
        h = self.first(x)
        for unit in self.middle:
            out, keep, add, new = ops.split(convolve(unit, h), 4, axis=-1)
            inner = ops.sigmoid(keep) * h + ops.sigmoid(add) * ops.tanh(new)
            h = ops.sigmoid(out) * ops.tanh(inner)
        return x + self.last(h)


class Encoder(keras.layers.Layer):
    """Encode a frame by a linear convolution and residual blocks, all without a mask.

    frame (B, H, W, C) -> (B, H, W, channels).
    """

    def __init__(self, block: str, channels: int, side: int, dilations: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.stem = conv(channels, side, "stem", self.dtype_policy)
        self.blocks = [
            ResidualBlock(
                *(block, channels),
                dilation=dilation,
                masked=False,
                name=f"block{i}",
                dtype=self.dtype_policy,
            )
            for i, dilation in enumerate(dilations)
        ]

    def build(self, frame_shape):
        """Create every weight."""
        self.stem.build(frame_shape)
        for block in self.blocks:
            block.build((*frame_shape[:-1], self.channels))
        self.built = True

    def call(self, frame):
        """Encode a frame (B, H, W, C) to (B, H, W, channels)."""
        x = self.stem(frame)
        for block in self.blocks:
            x = block(x)
        return x


class Decoder(keras.layers.Layer):
    """Compute the logit of each pixel from the cell's output and the pixels before it.

    The context, perhaps convolved (without a mask, since it holds no pixel of the frame), and the
    frame through an A-masked 7x7 convolution are added, so no later sum or product holds the pixel
    itself. Blocks with mask B, 1x1 convolutions and the last one follow; a ReLU stands before each
    of these with relu blocks, after each but the last with multiplicative ones. The colours of a
    pixel are predicted at once.

    Args:
        settings: block, channels, context_kernel, decoder_blocks, top and training_frame of
            `VPNConfig`.
    """

    def __init__(self, settings: dict[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        self.channels, dtype = settings["channels"], self.dtype_policy
        self.sees_frame = settings["training_frame"] != "none"
        self.relu_first = settings["block"] == "relu"
        side = settings["context_kernel"]
        self.context_conv = (
            conv(self.channels, side, "context", dtype, use_bias=False) if side else None
        )
        self.frame_conv = (
            MaskedConv2D(self.channels, FRAME_SIDE, sees_centre=False, name="frame", dtype=dtype)
            if self.sees_frame
            else None
        )
        self.blocks = [
            ResidualBlock(
                *(settings["block"], self.channels),
                masked=self.sees_frame,
                name=f"block{i}",
                dtype=dtype,
            )
            for i in range(settings["decoder_blocks"])
        ]
        self.top = [conv(n, 1, f"top{i}", dtype) for i, n in enumerate(settings["top"])]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C) of the frame that is predicted."""
        *places, self.frame_channels = frame_shape
        hidden = (*places, self.channels)
        if self.context_conv is not None:
            self.context_conv.build(hidden)
        if self.frame_conv is not None:
            self.frame_conv.build(frame_shape)
        for block in self.blocks:
            block.build(hidden)
        self.output_conv = conv(self.frame_channels, 1, "output", self.dtype_policy)
        seen = self.channels
        for layer in (*self.top, self.output_conv):
            layer.build((*places, seen))
            seen = layer.filters
        self.built = True

    def context(self, hidden):
        """Return what all pixels see of the cell's output: (B, H, W, channels), like it."""
        return hidden if self.context_conv is None else self.context_conv(hidden)

    def call(self, hidden, frame=None):
        """Return the logits (B, H, W, C) of a frame (B, H, W, C); None: of a black one."""
        x = self.context(hidden)
        if self.frame_conv is not None:
            black = ops.zeros((*ops.shape(x)[:-1], self.frame_channels), x.dtype)
            x = x + self.frame_conv(black if frame is None else frame)
        return self.after_first(x, at_once)

    def after_first(self, x: Tensor, convolve: Convolve) -> Tensor:
        """Return the logits from the first layer's output; see `ResidualBlock` for `convolve`."""
        for block in self.blocks:
            x = block(x, convolve=convolve)
        for layer in self.top:
            x = layer(ops.relu(x)) if self.relu_first else ops.relu(layer(x))
        return self.output_conv(ops.relu(x) if self.relu_first else x)

    @property
    def masked_layers(self) -> list[MaskedConv2D]:
        """Return the masked convolutions in the order of their use, the frame's first."""
        inner = [layer for block in self.blocks for layer in block.middle]
        return [self.frame_conv, *inner] if self.frame_conv is not None else []
