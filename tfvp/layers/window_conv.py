"""3D convolution over a short window of frames, done as one 2D convolution per kernel slice."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class WindowConv(keras.layers.Layer):
    """Convolve in 3D, same-padded with stride 1, as `keras.layers.Conv3D(padding="same")`.

    For output slice t it sums K[d] * x[t + d - before] over the kernel's time slices d that meet a
    slice of the window; a window of 2 frames under a kernel of 2 has one slice in four that would
    only meet padding, and on a CPU 2D convolutions and their gradients are the faster ones.
    Padding in time puts the odd slice after, as TensorFlow's SAME does: (0, 1) for a kernel of 2.

    x (B, D, H, W, C) -> (B, D, H, W, filters); kernel (kt, kh, kw, C, filters), bias (filters,).

    >>> tuple(WindowConv(filters=4, kernel=(2, 5, 5))(ops.ones((1, 2, 8, 8, 3))).shape)
    (1, 2, 8, 8, 4)
    """

    def __init__(self, filters: int, kernel: tuple[int, int, int], **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel)

    def build(self, input_shape):
        """Create the kernel (Glorot uniform) and the bias (zero)."""
        shape = (*self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def call(self, x):
        """Convolve x (B, D, H, W, C)."""
        return ops.add(convolve_window(x, self.kernel), self.bias)

    def get_config(self):
        """Return the constructor's arguments."""
        config = {"filters": self.filters, "kernel": self.kernel_size}
        return {**super().get_config(), **config}


def convolve_window(x, kernel):
    """Convolve x (B, D, H, W, C) with a kernel (kt, kh, kw, C, F), same-padded, without bias.

    >>> x = ops.reshape(ops.array([1.0, 10.0]), (1, 2, 1, 1, 1))
    >>> [float(value) for value in ops.ravel(convolve_window(x, ops.ones((2, 1, 1, 1, 1))))]
    [11.0, 10.0]
    """
    # Unstacked, not indexed: an index' gradient fills a tensor of the whole's size with zeros.
    kernels = ops.unstack(ops.convert_to_tensor(kernel), axis=0)
    slices = ops.unstack(x, axis=1)
    depth, before = len(slices), (len(kernels) - 1) // 2
    total = None
    for d, kernel_slice in enumerate(kernels):
        shift = d - before  # output slice t meets input slice t + shift
        first, last = max(0, -shift), min(depth, depth - shift)
        if first >= last:
            continue
        met = ops.stack(slices[first + shift : last + shift], axis=1) if shift else x
        part = _convolve_slices(met, kernel_slice)
        padding = [[0, 0], [first, depth - last], [0, 0], [0, 0], [0, 0]]
        part = ops.pad(part, padding) if shift else part
        total = part if total is None else total + part
    return total


def _convolve_slices(x, kernel):
    """Convolve every slice of x (B, D, H, W, C) with the same 2D kernel (kh, kw, C, F)."""
    _, depth, height, width, channels = x.shape
    rows, columns = (ops.shape(x)[2], ops.shape(x)[3]) if height is None else (height, width)
    y = ops.conv(ops.reshape(x, (-1, rows, columns, channels)), kernel, padding="same")
    return ops.reshape(y, (-1, depth, rows, columns, kernel.shape[-1]))
