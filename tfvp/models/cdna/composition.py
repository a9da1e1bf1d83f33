"""Moving the pixels of a frame in one of three ways, and composing what was moved by masks."""

import colorsys

import keras
import numpy as np
from keras import ops

from tfvp.layers.dynamic_filter import filter_frame, filter_places, rectified_share
from tfvp.layers.spatial_transformer import affine_sample

STP_UNITS = 100
IDENTITY = np.array([1, 0, 0, 0, 1, 0], "float32")


class KernelMotion(keras.layers.Layer):
    """CDNA: a dense layer makes kernels of the whole clip's deepest map.

    As released, there is one kernel more than masks that are left for them; it is never used.

    Args:
        count: kernels that are used.
        side: rows and columns of a kernel.
    """

    def __init__(self, count: int, side: int, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.side = side
        self.dense = keras.layers.Dense(
            side**2 * (count + 1), dtype=self.dtype_policy, name="cdna_params"
        )

    def build(self, deepest_shape):
        """Create the dense layer's weights."""
        self.dense.build((None, int(np.prod(deepest_shape[1:]))))
        self.built = True

    def kernels(self, deepest):
        """Make kernels whose taps sum to one: (B, h, w, c) -> (B, side², count + 1)."""
        taps = self.dense(ops.reshape(deepest, (ops.shape(deepest)[0], -1)))
        return rectified_share(ops.reshape(taps, (-1, self.side**2, self.count + 1)), axis=1)

    def call(self, frame, deepest):
        """Filter a frame (B, H, W, C) by each kernel: (B, H, W, C, count)."""
        return filter_frame(frame, self.kernels(deepest)[..., : self.count])


class AffineMotion(keras.layers.Layer):
    """STP: dense layers make affine transformations of the whole clip's deepest map.

    They are added to the identity. The released call lacks the size of the output and does not run;
    with it the sampler is `affine_sample`.

    Args:
        count: transformations.
    """

    def __init__(self, count: int, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        policy = self.dtype_policy
        self.dense = keras.layers.Dense(STP_UNITS, activation="relu", dtype=policy, name="fc_stp")
        self.transformations = [
            keras.layers.Dense(6, dtype=policy, name=f"stp_params{i}") for i in range(count)
        ]

    def build(self, deepest_shape):
        """Create the dense layers' weights."""
        self.dense.build((None, int(np.prod(deepest_shape[1:]))))
        for layer in self.transformations:
            layer.build((None, STP_UNITS))
        self.built = True

    def call(self, frame, deepest):
        """Transform a frame (B, H, W, C) in each way: (B, H, W, C, count)."""
        units = self.dense(ops.reshape(deepest, (ops.shape(deepest)[0], -1)))
        thetas = (ops.cast(layer(units), "float32") + IDENTITY for layer in self.transformations)
        return ops.stack([affine_sample(frame, theta) for theta in thetas], axis=-1)


class Composition(keras.layers.Layer):
    """The next frame, a sum of layers weighed by masks that are a softmax over them.

        cdna, stp   m_0 ∘ frame + m_1 ∘ σ(new pixels) + Σ_k m_k ∘ moved_k
        dna         m_0 ∘ frame + m_1 ∘ moved

    New pixels (of dna: the a kernel of every pixel) and the masks' logits are 1x1 convolutions.

    Args:
        transform: cdna, dna or stp.
        kernel: side of the kernels of cdna and dna.
        masks: masks beside the frame's own.
        heads: relu or linear, what follows the 1x1 convolutions.
    """

    def __init__(self, transform: str, kernel: int, masks: int, heads: str, **kwargs):
        super().__init__(**kwargs)
        self.transform = transform
        self.kernel = kernel
        self.heads = heads
        self.masks = self._head(masks + 1, "masks")
        makers = {
            "cdna": lambda: KernelMotion(masks - 1, kernel, dtype=self.dtype_policy, name="motion"),
            "stp": lambda: AffineMotion(masks - 1, dtype=self.dtype_policy, name="motion"),
            "dna": lambda: None,
        }
        self.motion = makers[transform]()

    def _head(self, channels: int, name: str) -> keras.layers.Conv2D:
        activation = "relu" if self.heads == "relu" else None
        return keras.layers.Conv2D(
            channels, 1, activation=activation, dtype=self.dtype_policy, name=name
        )

    def build(self, frame_shape, deepest_shape, finest_shape):
        """Create every weight, of shapes (B, H, W, C), (B, H/8, W/8, c) and (B, H, W, c)."""
        channels = frame_shape[-1]
        self.pixels = self._head(self.kernel**2 if self.transform == "dna" else channels, "pixels")
        for layer in (self.pixels, self.masks):
            layer.build(finest_shape)
        if self.motion is not None:
            self.motion.build(deepest_shape)
        self.built = True

    def call(self, frame, deepest, finest):
        """Move and compose the pixels of a frame (B, H, W, C) -> (B, H, W, C)."""
        layers, masks = self.parts(frame, deepest, finest)
        return ops.sum(layers * masks[:, :, :, None], axis=-1)

    def drawn(self, frame, deepest, finest):
        """Return pictures by name: the masks as a mixture of colours, and the sum's terms by kind.

        What is kept of the frame is white in the masks, new pixels are black, and each way of
        moving has a hue of its own. The terms, (B, H, W, C) each, add up to the next frame.
        """
        layers, masks = self.parts(frame, deepest, finest)
        terms = layers * masks[:, :, :, None]
        still = 1 if self.motion is None else 2
        ways = masks.shape[-1] - still
        hues = [colorsys.hsv_to_rgb(k / ways, 1, 1) for k in range(ways)]
        colours = np.array([(1, 1, 1), (0, 0, 0)][:still] + hues, "float32")
        drawn = {"masks": ops.matmul(ops.cast(masks, "float32"), colours)}
        names = ("kept, white", "new, black")[:still]
        drawn |= {name: terms[..., k] for k, name in enumerate(names)}
        return {**drawn, "moved, hues": ops.sum(terms[..., still:], axis=-1)}

    def parts(self, frame, deepest, finest):
        """Return the layers (B, H, W, C, masks + 1), the frame first, and masks without the C."""
        pixels = self.pixels(finest)
        if self.motion is None:
            layers = [filter_places(frame, rectified_share(pixels, axis=-1))[..., None]]
        else:
            layers = [ops.sigmoid(pixels)[..., None], self.motion(frame, deepest)]
        layers = ops.concatenate([frame[..., None], *layers], axis=-1)
        return layers, ops.softmax(self.masks(finest))
