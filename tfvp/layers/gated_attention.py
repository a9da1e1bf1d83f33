"""Attention over a wide neighbourhood: gSTA's, and the temporal attention unit (TAU)."""

from typing import Any

import keras
from keras import ops

from tfvp.layers.torch_convolutions import convolution, dense, depthwise

# A kernel of 21 in two: 2 * 3 - 1, and 21 // 3 in steps of 3, which is given.
NEAR, FAR, DILATION = 5, 7, 3


class GatedAttention(keras.layers.Layer):
    """Gate a map by its wide neighbourhood (gSTA), and for TAU also by its mean over all places.

        u = gelu(P1 x)      a = DW7,3 * (DW5 * u)      y = P2 gate(u, a) + x
        spatial  (gSTA):  (f, g) = C1 a                  gate = σ(g) ∘ f
        temporal (TAU):   SA = C1 a,  DA = σ(F2 relu(F1 mean(u)))      gate = DA ∘ SA ∘ u

    P1, P2, C1 are 1x1 convolutions, F1, F2 dense without bias, DW5 and DW7,3 convolve every channel
    by itself, 5x5, and 7x7 in steps of 3; mean is over all places. SA is TAU's statical, DA its
    dynamical attention.

    The paper of TAU squeezes C channels to C / 16 in DA; in its program it is C // max(C // 16, 4),
    so 16 of a C from 64 on that 16 divides. There TAU's attention is made after the block gave its
    layers their first weights, so it begins from PyTorch's own; gSTA's has sqrt(2 / fan_out).

    x (B, H, W, C), any range -> (B, H, W, C).
    Source: Tan et al. 2022 (arXiv:2211.12509) and 2023 (arXiv:2206.12126) as in OpenSTL; the wide
    kernel in two is of Guo et al. 2022 (arXiv:2202.09741).

    >>> attention = GatedAttention("temporal")
    >>> tuple(attention(ops.ones((2, 4, 4, 8))).shape)
    (2, 4, 4, 8)

    Args:
        gate: spatial or temporal.
        activation: of u, gelu (exact) or relu.
        far: side of the kernel of DW7,3; 1 leaves of the wide neighbourhood that of DW5.
    """

    def __init__(self, gate: str, activation: str = "gelu", far: int = FAR, **kwargs: Any):
        super().__init__(**kwargs)
        self.gate = gate
        self.activation = activation
        self.far_kernel = far

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        channels, policy = input_shape[-1], self.dtype_policy
        initial = "default" if self.gate == "temporal" else "fan_out"
        wide = channels if self.gate == "temporal" else 2 * channels

        def place_by_place(filters: int, name: str):
            return convolution(filters, 1, channels, initial, dtype=policy, name=name)

        self.proj_1 = place_by_place(channels, "proj_1")
        self.near = depthwise(NEAR, initial, dtype=policy, name="near")
        self.far = depthwise(self.far_kernel, initial, dilation=DILATION, dtype=policy, name="far")
        self.mix = place_by_place(wide, "mix")
        self.proj_2 = place_by_place(channels, "proj_2")
        for layer in (self.proj_1, self.near, self.far, self.mix, self.proj_2):
            layer.build(input_shape)
        if self.gate == "temporal":
            squeezed = channels // max(channels // 16, 4)
            self.squeeze = dense(squeezed, channels, initial, dtype=policy, name="squeeze")
            self.excite = dense(channels, squeezed, initial, dtype=policy, name="excite")
            self.squeeze.build((None, channels))
            self.excite.build((None, squeezed))
        self.built = True

    def call(self, x):
        """Return the gated map plus x (B, H, W, C)."""
        u = self.proj_1(x)
        u = ops.relu(u) if self.activation == "relu" else ops.gelu(u, approximate=False)
        attention = self.mix(self.far(self.near(u)))
        if self.gate == "temporal":
            dynamical = self.excite(ops.relu(self.squeeze(ops.mean(u, axis=(1, 2)))))
            gated = ops.sigmoid(dynamical)[:, None, None] * attention * u
        else:
            f, g = ops.split(attention, 2, axis=-1)
            gated = ops.sigmoid(g) * f
        return self.proj_2(gated) + x


class MixMLP(keras.layers.Layer):
    """Map each place by two dense layers with a 3x3 convolution per channel between them.

        y = W2 gelu(DW3 * (W1 x))

    W1, W2 are 1x1 convolutions, DW3 convolves every channel by itself, 3x3.

    x (B, H, W, C), any range -> (B, H, W, C).

    >>> mlp = MixMLP(ratio=2.0)
    >>> tuple(mlp(ops.ones((2, 4, 4, 8))).shape), tuple(mlp.fc1.kernel.shape)
    ((2, 4, 4, 8), (1, 1, 8, 16))

    Args:
        ratio: channels between the dense layers over those of x.
    """

    def __init__(self, ratio: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        channels, policy = input_shape[-1], self.dtype_policy
        inside = int(channels * self.ratio)
        self.fc1 = convolution(inside, 1, channels, "fan_out", dtype=policy, name="fc1")
        self.near = depthwise(3, "fan_out", dtype=policy, name="near")
        self.fc2 = convolution(channels, 1, inside, "fan_out", dtype=policy, name="fc2")
        self.fc1.build(input_shape)
        for layer in (self.near, self.fc2):
            layer.build((*input_shape[:-1], inside))
        self.built = True

    def call(self, x):
        """Map x (B, H, W, C)."""
        return self.fc2(ops.gelu(self.near(self.fc1(x)), approximate=False))
