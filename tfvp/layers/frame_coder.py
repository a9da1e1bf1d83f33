"""SimVP's encoder and decoder of single frames."""

from typing import Any

import keras
from keras import ops

from tfvp.layers.torch_convolutions import convolution


class ConvBlock(keras.layers.Layer):
    """Convolve, normalise in two groups and apply SiLU; the map keeps its size, halves or doubles.

        y = silu(GN(W * x))

    down: a stride of 2 over kernel // 2 zeros on every side, as PyTorch pads. up: the convolution
    makes four times the channels, which `pixel_shuffle` spreads over squares of 2x2.

    x (B, H, W, C), any range -> (B, H', W', filters).

    >>> x = ops.ones((1, 8, 8, 3))
    >>> [tuple(ConvBlock(4, 3, kind)(x).shape) for kind in ("same", "down", "up")]
    [(1, 8, 8, 4), (1, 4, 4, 4), (1, 16, 16, 4)]

    Args:
        filters: channels of its output, even.
        kernel: side of the convolution, odd.
        sampling: same, down (half the rows and columns) or up (twice).
    """

    def __init__(self, filters: int, kernel: int, sampling: str = "same", **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel
        self.sampling = sampling

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        down = {"strides": 2, "padding": "valid"} if self.sampling == "down" else {}
        self.conv = convolution(
            self.filters * (4 if self.sampling == "up" else 1),
            self.kernel_size,
            input_shape[-1],
            "narrow",
            dtype=self.dtype_policy,
            name="conv",
            **down,
        )
        self.conv.build(input_shape)
        self.norm = keras.layers.GroupNormalization(
            groups=2, epsilon=1e-5, dtype=self.dtype_policy, name="norm"
        )
        self.norm.build((None, None, None, self.filters))
        self.built = True

    def call(self, x):
        """Convolve x (B, H, W, C)."""
        if self.sampling == "down":
            sides = (self.kernel_size // 2,) * 2
            x = ops.pad(x, ((0, 0), sides, sides, (0, 0)))
        y = self.conv(x)
        return ops.silu(self.norm(pixel_shuffle(y) if self.sampling == "up" else y))


def pixel_shuffle(x):
    """Spread channels over squares of 2x2: (B, H, W, 4 C) -> (B, 2 H, 2 W, C).

    Channel 4 c + 2 dy + dx becomes channel c at (dy, dx) of the square: PyTorch's order, in which
    `tfvp.layers.patches.unfold_patches` would read (2 dy + dx) C + c.

    >>> [int(value) for value in ops.ravel(pixel_shuffle(ops.reshape(ops.arange(8), (1, 1, 2, 4))))]
    [0, 1, 4, 5, 2, 3, 6, 7]
    """
    _, rows, columns, channels = x.shape
    squares = ops.reshape(x, (-1, rows, columns, channels // 4, 2, 2))
    pixels = ops.transpose(squares, (0, 1, 4, 2, 5, 3))
    return ops.reshape(pixels, (-1, 2 * rows, 2 * columns, channels // 4))


class _Blocks(keras.layers.Layer):
    """A chain of blocks with the same number of channels, which encoder and decoder extend.

    Args:
        filters: channels of every block.
        kernel: side of their convolutions.
        samplings: the `sampling` of each block, see `ConvBlock`.
    """

    def __init__(self, filters: int, kernel: int, samplings: list[str], **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.blocks = [
            ConvBlock(filters, kernel, sampling, dtype=self.dtype_policy, name=f"block{i}")
            for i, sampling in enumerate(samplings)
        ]

    def _build_blocks(self, channels: int) -> None:
        for block in self.blocks:
            block.build((None, None, None, channels))
            channels = self.filters


class FrameEncoder(_Blocks):
    """Encode frames by blocks [same, down, same, down, ...], of which down halves the map.

    frames (B, H, W, C) -> latent maps (B, H / 2^(blocks / 2), W / ..., filters), and the output of
    the first block (B, H, W, filters) for the decoder.

    >>> latent, skip = FrameEncoder(filters=8, kernel=3, blocks=4)(ops.ones((1, 16, 16, 1)))
    >>> tuple(latent.shape), tuple(skip.shape)
    ((1, 4, 4, 8), (1, 16, 16, 8))

    Args:
        filters: channels of every block.
        kernel: side of their convolutions.
        blocks: number of blocks, even.
    """

    def __init__(self, filters: int, kernel: int, blocks: int, **kwargs: Any):
        super().__init__(filters, kernel, ["same", "down"] * (blocks // 2), **kwargs)

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        self._build_blocks(input_shape[-1])
        self.built = True

    def call(self, frames):
        """Encode frames (B, H, W, C) to the latent maps and the output of the first block."""
        latent = skip = self.blocks[0](frames)
        for block in self.blocks[1:]:
            latent = block(latent)
        return latent, skip


class FrameDecoder(_Blocks):
    """Decode maps by blocks [up, same, up, same, ...], of which up doubles the map, and a readout.

    The last block reads the sum of the one before and the encoder's first block. A 1x1 convolution
    makes the frame, without activation: values may leave [0, 1].

    latent (B, h, w, filters), skip (B, H, W, filters) -> frames (B, H, W, channels).

    >>> decoder = FrameDecoder(filters=8, kernel=3, blocks=4, channels=1)
    >>> decoder.build((None, 4, 4, 8))
    >>> tuple(decoder(ops.ones((1, 4, 4, 8)), ops.ones((1, 16, 16, 8))).shape)
    (1, 16, 16, 1)

    Args:
        filters: channels of every block.
        kernel: side of their convolutions.
        blocks: number of blocks, even.
        channels: channels of a frame.
    """

    def __init__(self, filters: int, kernel: int, blocks: int, channels: int, **kwargs: Any):
        super().__init__(filters, kernel, ["up", "same"] * (blocks // 2), **kwargs)
        self.readout = convolution(
            channels, 1, filters, "default", dtype=self.dtype_policy, name="readout"
        )

    def build(self, input_shape):
        """Create every weight; input_shape is (B, h, w, filters)."""
        self._build_blocks(input_shape[-1])
        self.readout.build(input_shape)
        self.built = True

    def call(self, latent, skip):
        """Decode latent maps (B, h, w, filters) and skip (B, H, W, filters) to frames."""
        for block in self.blocks[:-1]:
            latent = block(latent)
        return self.readout(self.blocks[-1](latent + skip))
