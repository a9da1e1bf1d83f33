"""RAFT-small's encoder of a picture: bottlenecks that bring it to an eighth of its size."""

import keras
from keras import ops

EPSILON = 1e-5  # of the instance normalisation, PyTorch's
WIDTHS = (32, 64, 96)  # of each pair of bottlenecks; the second and third halve the map


class PaddedConv(keras.layers.Conv2D):
    """A convolution over kernel // 2 zeros on every side, as PyTorch pads, also with a stride.

    Its weights start as zero: they are taken from a file and not trained.

    >>> tuple(PaddedConv(8, 7, 2)(ops.ones((1, 16, 16, 3))).shape)
    (1, 8, 8, 8)

    Args:
        filters: channels it makes.
        kernel: side of the kernel, odd.
        strides: 1 or 2.
    """

    def __init__(self, filters: int, kernel: int, strides: int = 1, **kwargs):
        padding = "same" if strides == 1 else "valid"
        super().__init__(
            filters, kernel, strides, padding=padding, kernel_initializer="zeros", **kwargs
        )

    def call(self, x):
        """Convolve x (B, H, W, C)."""
        if self.padding == "valid":
            sides = (self.kernel_size[0] // 2,) * 2
            x = ops.pad(x, ((0, 0), sides, sides, (0, 0)))
        return super().call(x)


def instance_norm(x):
    """Normalise each channel of each sample to mean 0 and (biased) variance 1: x (B, H, W, C).

    >>> x = ops.reshape(ops.array([1.0, 3.0]), (1, 2, 1, 1))
    >>> [round(float(value), 3) for value in ops.ravel(instance_norm(x))]
    [-1.0, 1.0]
    """
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)
    return (x - mean) * ops.rsqrt(variance + EPSILON)


class Bottleneck(keras.layers.Layer):
    """Three convolutions beside a shortcut, N being the instance norm or nothing.

        y = relu(N(conv 1x1 of relu(N(conv 3x3 of relu(N(conv 1x1 of x))))))
        out = relu(s + y)        s = x, or with a stride N(conv 1x1 of x)

    y is rectified before the sum as well. x (B, H, W, C) -> (B, H / stride, W / stride, filters).

    >>> tuple(Bottleneck(8, stride=2, normalised=True)(ops.ones((1, 16, 16, 4))).shape)
    (1, 8, 8, 8)

    Args:
        filters: channels of its output; the inner ones are a quarter.
        stride: of the 3x3 convolution, 1 or 2.
        normalised: whether N is the instance norm.
    """

    def __init__(self, filters: int, stride: int, normalised: bool, **kwargs):
        super().__init__(**kwargs)
        self.norm = instance_norm if normalised else lambda x: x
        sizes = ((filters // 4, 1, 1), (filters // 4, 3, stride), (filters, 1, 1))
        self.convs = [
            PaddedConv(n, kernel, strides, dtype=self.dtype_policy, name=f"conv{k}")
            for k, (n, kernel, strides) in enumerate(sizes, 1)
        ]
        self.shortcut = (
            PaddedConv(filters, 1, stride, dtype=self.dtype_policy, name="downsample")
            if stride > 1
            else None
        )

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        *places, channels = input_shape
        if self.shortcut:
            self.shortcut.build(input_shape)
        for conv in self.convs:
            conv.build((*places, channels))
            channels = conv.filters
        self.built = True

    def call(self, x):
        """Map x (B, H, W, C)."""
        y = x
        for conv in self.convs:
            y = ops.relu(self.norm(conv(y)))
        return ops.relu((self.norm(self.shortcut(x)) if self.shortcut else x) + y)


class RAFTEncoder(keras.layers.Layer):
    """A 7x7 convolution with stride 2, six bottlenecks, a 1x1 convolution.

    picture (B, H, W, 3) in [-1, 1], H and W multiples of 8 -> (B, H/8, W/8, filters).

    >>> tuple(RAFTEncoder(128, normalised=True)(ops.ones((1, 64, 64, 3))).shape)
    (1, 8, 8, 128)

    Args:
        filters: channels of its output.
        normalised: with instance norms, as the encoder of features; without, as that of context.
    """

    def __init__(self, filters: int, normalised: bool, **kwargs):
        super().__init__(**kwargs)
        self.norm = instance_norm if normalised else lambda x: x
        policy = self.dtype_policy
        self.first = PaddedConv(WIDTHS[0], 7, 2, dtype=policy, name="conv1")
        self.blocks = [
            Bottleneck(
                width,
                2 if layer > 1 and block == 0 else 1,
                normalised,
                dtype=policy,
                name=f"layer{layer}_{block}",
            )
            for layer, width in enumerate(WIDTHS, 1)
            for block in (0, 1)
        ]
        self.last = PaddedConv(filters, 1, dtype=policy, name="conv2")

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, 3)."""
        *places, channels = input_shape
        self.first.build((*places, channels))
        channels = self.first.filters
        for block in self.blocks:
            block.build((*places, channels))
            channels = block.convs[-1].filters
        self.last.build((*places, channels))
        self.built = True

    def call(self, picture):
        """Encode a picture (B, H, W, 3)."""
        x = ops.relu(self.norm(self.first(picture)))
        for block in self.blocks:
            x = block(x)
        return self.last(x)
