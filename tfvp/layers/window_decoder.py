"""The 3D-convolution decoder of E3D-LSTM, which maps a window of hidden slices to one frame."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class WindowDecoder(keras.layers.Layer):
    """Map all slices of a hidden window linearly, place by place, to one frame.

    The released conv3d with kernel and stride (D, 1, 1): no two windows overlap, so it is one
    matrix product per place. Weights keep the released shapes: kernel (D, 1, 1, C, channels), bias.
    No activation: values may leave [0, 1].

    hidden (B, D, H, W, C) -> (B, H, W, channels). Source: the released E3D-LSTM program.

    >>> tuple(WindowDecoder(channels=3)(ops.ones((1, 2, 8, 8, 4))).shape)
    (1, 8, 8, 3)
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, input_shape):
        """Create the kernel (Glorot uniform) and the bias (zero)."""
        shape = (input_shape[1], 1, 1, input_shape[-1], self.channels)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(self.channels,), initializer="zeros")
        self.built = True

    def call(self, hidden):
        """Decode hidden (B, D, H, W, C) to a frame (B, H, W, channels)."""
        places = ops.einsum("bdhwc,dcf->bhwf", hidden, self.kernel[:, 0, 0])
        return ops.add(places, self.bias)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "channels": self.channels}
