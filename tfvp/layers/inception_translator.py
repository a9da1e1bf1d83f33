"""The translator of the first SimVP: a U of units with kernels of several sizes."""

from typing import Any

import keras
from keras import ops

from tfvp.layers.torch_convolutions import convolution

KERNELS, GROUPS, SLOPE = (3, 5, 7, 11), 8, 0.2


class InceptionUnit(keras.layers.Layer):
    """Sum four convolutions with kernels of 3, 5, 7 and 11.

        z = P x      y = Σ_k leaky(GN(W_k * z))      k = 3, 5, 7, 11

    P is a 1x1 convolution to `inside` channels; W_k are convolutions in 8 groups, GN group
    normalisation in as many, leaky has a slope of 0.2 below 0. As in the program both have a single
    group where 8 does not divide `inside`.

    x (B, H, W, C), any range -> (B, H, W, filters).

    >>> tuple(InceptionUnit(inside=8, filters=16)(ops.ones((2, 4, 4, 6))).shape)
    (2, 4, 4, 16)

    Args:
        inside: channels of z.
        filters: channels of y; a multiple of 8 where `inside` is one.
    """

    def __init__(self, inside: int, filters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.inside = inside
        self.filters = filters

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        policy = self.dtype_policy
        groups = GROUPS if self.inside % GROUPS == 0 else 1
        self.first = convolution(
            self.inside, 1, input_shape[-1], "default", dtype=policy, name="first"
        )
        self.first.build(input_shape)
        self.convs, self.norms = [], []
        for kernel in KERNELS:
            conv = convolution(
                self.filters,
                kernel,
                self.inside,
                "default",
                groups=groups,
                dtype=policy,
                name=f"conv{kernel}",
            )
            norm = keras.layers.GroupNormalization(
                groups=groups, epsilon=1e-5, dtype=policy, name=f"norm{kernel}"
            )
            conv.build((*input_shape[:-1], self.inside))
            norm.build((*input_shape[:-1], self.filters))
            self.convs.append(conv)
            self.norms.append(norm)
        self.built = True

    def call(self, x):
        """Map x (B, H, W, C)."""
        z = self.first(x)
        pairs = zip(self.convs, self.norms, strict=True)
        return sum(
            ops.leaky_relu(norm(_in_groups(conv, z)), negative_slope=SLOPE) for conv, norm in pairs
        )


def _in_groups(conv: keras.layers.Conv2D, x):
    """Convolve group by group; as one operation a CPU takes ten times as long, or more."""
    kernel = ops.convert_to_tensor(conv.kernel)
    parts = zip(ops.split(x, conv.groups, -1), ops.split(kernel, conv.groups, -1), strict=True)
    y = [ops.conv(part, own, padding="same") for part, own in parts]
    return ops.add(ops.concatenate(y, axis=-1), conv.bias)


class InceptionTranslator(keras.layers.Layer):
    """Run a U-Net of units: `blocks` down and as many up, with skip connections between them.

    Unit i ≥ 1 up reads the outputs of the unit before it and of unit blocks - 1 - i down as one
    map; the last unit down has no skip connection.

    x (B, H, W, C), any range -> (B, H, W, C).

    >>> tuple(InceptionTranslator(hidden=16, blocks=2)(ops.ones((2, 4, 4, 8))).shape)
    (2, 4, 4, 8)

    Args:
        hidden: channels of all units but the last; inside a unit half as many.
        blocks: number of units down, and of units up, at least 2.
    """

    def __init__(self, hidden: int, blocks: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.blocks = blocks

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        *places, channels = input_shape

        def unit(name: str, seen: int, filters: int) -> InceptionUnit:
            made = InceptionUnit(self.hidden // 2, filters, dtype=self.dtype_policy, name=name)
            made.build((*places, seen))
            return made

        last, hidden = self.blocks - 1, self.hidden
        self.down = [
            unit(f"down{i}", hidden if i else channels, hidden) for i in range(self.blocks)
        ]
        self.up = [
            unit(f"up{i}", hidden * (2 if i else 1), channels if i == last else hidden)
            for i in range(self.blocks)
        ]
        self.built = True

    def call(self, x):
        """Translate x (B, H, W, C)."""
        skips = []
        for unit in self.down:
            x = unit(x)
            skips.append(x)
        skips.pop()
        x = self.up[0](x)
        for unit in self.up[1:]:
            x = unit(ops.concatenate([x, skips.pop()], axis=-1))
        return x
