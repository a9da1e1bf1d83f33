"""A convolution whose output at a place depends only on places before it in raster order."""

from typing import Any

import keras
from keras import ops

from tfvp.shapes import Tensor


class MaskedConv2D(keras.layers.Layer):
    """A same-padded convolution that sees no later pixel (van den Oord et al. 2016, PixelRNN).

    The places of a k x k kernel in raster order: those before the centre are 1; the centre is 0 in
    mask A and 1 in mask B; those after it are 0. The mask multiplies the kernel in every call, so
    that an update of hidden weights changes nothing. The first layer on pixels has mask A, the ones
    after it have mask B. A stack of them does not see a wedge to the upper right of each pixel.

        y = (kernel ∘ mask) * x + bias

    x (B, H, W, Cin) -> y (B, H, W, filters).

    `write` and `look` compute the same place by place, for sampling: a window is the last rows of
    x that the kernel reaches, (B, k // 2 + 1, W + 2 (k // 2), Cin), its last row being written.

    >>> conv = MaskedConv2D(filters=1, kernel_size=3, sees_centre=False)
    >>> conv.build((None, None, None, 1))
    >>> _ = conv.kernel.assign(ops.ones((3, 3, 1, 1)))  # it counts the pixels that it sees
    >>> [int(value) for value in ops.ravel(conv(ops.ones((1, 2, 3, 1))))]
    [0, 1, 1, 2, 4, 3]

    Args:
        filters: channels of y.
        kernel_size: k, odd.
        sees_centre: mask B; else mask A.
    """

    def __init__(self, filters: int, kernel_size: int, *, sees_centre: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.sees_centre = sees_centre
        self.reach = kernel_size // 2

    def build(self, input_shape):
        """Create kernel and bias; input_shape is (B, H, W, Cin)."""
        side, self.channels = self.kernel_size, input_shape[-1]
        shape = (side, side, self.channels, self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def _masked(self) -> Tensor:
        side = self.kernel_size
        seen = ops.arange(side * side) < side * side // 2 + int(self.sees_centre)
        mask = ops.cast(ops.reshape(seen, (side, side, 1, 1)), self.compute_dtype)
        return ops.cast(self.kernel, self.compute_dtype) * mask

    def _convolve(self, x: Tensor, kernel: Tensor, padding: str) -> Tensor:
        return ops.conv(x, kernel, padding=padding) + ops.cast(self.bias, self.compute_dtype)

    def call(self, x):
        """Convolve x (B, H, W, Cin) at all places at once."""
        return self._convolve(x, self._masked(), "same")

    def first_window(self, batch_size: int | Tensor, width: int) -> Tensor:
        """Return the window before the first row of `width` places: all zeros."""
        shape = (batch_size, self.reach + 1, width + 2 * self.reach, self.channels)
        return ops.zeros(shape, self.compute_dtype)

    def next_row(self, window: Tensor) -> Tensor:
        """Return the window moved down by a row, whose last row is then empty."""
        return ops.concatenate([window[:, 1:], ops.zeros_like(window[:, :1])], axis=1)

    def write(self, window: Tensor, x: Tensor, column: Tensor) -> Tensor:
        """Return the window with x (B, 1, 1, Cin) in the last row at `column`, a scalar."""
        _, rows, columns, _ = window.shape
        here = ops.expand_dims(ops.arange(columns) == column + self.reach, (0, 1, 3))
        last = ops.reshape(ops.arange(rows) == rows - 1, (1, rows, 1, 1))
        return ops.where(ops.logical_and(here, last), ops.cast(x, window.dtype), window)

    def look(self, window: Tensor, column: Tensor) -> Tensor:
        """Return the convolution at the last row's `column`: (B, 1, 1, filters)."""
        seen = ops.take(window, column + ops.arange(self.kernel_size), axis=2)
        return self._convolve(seen, self._masked()[: self.reach + 1], "valid")
