"""2D convolution with a wide kernel and few filters; its kernel's gradient is a convolution too."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class WideConv(keras.layers.Conv2D):
    """A same-padded `keras.layers.Conv2D` with stride 1 and odd kernel that learns fast on a CPU.

    The numbers are Conv2D's. With the 15x15 kernel of a flow, from 45 channels to 2, the gradient
    of the kernel takes the library that TensorFlow uses on a CPU (oneDNN) far longer than all else
    in the network together; docs/performance.md has the times.

    x (B, H, W, C) -> (B, H, W, filters); kernel (k, k, C, filters), bias (filters,).

    >>> tuple(WideConv(2, 15, padding="same")(ops.ones((1, 32, 32, 3))).shape)
    (1, 32, 32, 2)

    Raises:
        ValueError: an even kernel, another padding or another stride.
    """

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        even = any(side % 2 == 0 for side in self.kernel_size)
        if even or self.padding != "same" or set(self.strides) != {1}:
            raise ValueError(
                "WideConv: expected an odd kernel, padding='same' and strides=1, got "
                f"{self.kernel_size}, {self.padding!r} and {self.strides}"
            )

    def convolution_op(self, inputs, kernel):
        """Convolve x (B, H, W, C); Keras adds the bias and applies the activation."""
        return convolve_wide(inputs, ops.copy(kernel))  # a custom gradient takes no variable


@ops.custom_gradient
def convolve_wide(x, kernel):
    """Convolve x (B, H, W, C) with a kernel (kh, kw, C, F) of odd sides, same-padded.

    With G the gradient of the output, both gradients are convolutions with G:
        dx = G * K turned by half a turn
        dK[a, b, c, f] = Σ_p x[p + (a, b) - reach, c] G[p, f]
    in the second of which the channels take the place of the clips, and G that of the kernel.
    """
    reach = [side // 2 for side in kernel.shape[:2]]

    def gradient(*arguments, upstream=None):
        g = arguments[0] if upstream is None else upstream
        turned = ops.transpose(ops.flip(kernel, axis=(0, 1)), (0, 1, 3, 2))
        of_x = ops.conv(g, turned, padding="same")
        padded = ops.pad(x, [[0, 0], *([side, side] for side in reach), [0, 0]])
        every_place = ops.conv(ops.transpose(padded, (3, 1, 2, 0)), ops.transpose(g, (1, 2, 0, 3)))
        return of_x, ops.transpose(every_place, (1, 2, 0, 3))

    return ops.conv(x, kernel, padding="same"), gradient
