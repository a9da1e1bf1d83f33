"""How Keras' variables take their values from the arrays of PyTorch's layers.

A network's `TorchProgram` maps every name of a state dict to its takers: pairs of a variable of
ours and one of the functions below, which turns the original array into the variable's value.
"""

import keras
import numpy as np

from tfvp.porting.program import Taker, WeightNames

_GATES = (0, 1, 3, 2)  # of i, f, o, g as Keras has them: i, f, g, o


def as_it_is(value: np.ndarray) -> np.ndarray:
    """Return the same array."""
    return value


def kernel(value: np.ndarray) -> np.ndarray:
    """Transpose (out, in, rows, columns) to (rows, columns, in, out)."""
    return np.transpose(value, (2, 3, 1, 0))


def depthwise_kernel(value: np.ndarray) -> np.ndarray:
    """Transpose (channels, 1, rows, columns) to (rows, columns, channels, 1)."""
    return np.transpose(value, (2, 3, 0, 1))


def matrix(value: np.ndarray) -> np.ndarray:
    """Transpose (out, in) to (in, out)."""
    return np.transpose(value)


def norm_over_maps(value: np.ndarray) -> np.ndarray:
    """Transpose (channels, rows, columns) to (rows, columns, channels)."""
    return np.transpose(value, (1, 2, 0))


def same(variable: keras.Variable) -> tuple[Taker]:
    """Let a variable take an array as it is."""
    return ((variable, as_it_is),)


def turned(variable: keras.Variable) -> tuple[Taker]:
    """Let a convolution's kernel take an array, transposed."""
    return ((variable, kernel),)


def conv_lstm(name: str, cell: keras.Layer, channels: int) -> WeightNames:
    """Name the weights of a ConvLSTM whose one convolution reads x (`channels` wide) and h as one.

    The much copied cell of github ndrplz/ConvLSTM_pytorch is such; its gates are i, f, o, g.
    """

    def of_x(value: np.ndarray) -> np.ndarray:
        return kernel(_our_gates(value)[:, :channels])

    def of_h(value: np.ndarray) -> np.ndarray:
        return kernel(_our_gates(value)[:, channels:])

    return {
        f"{name}.conv.weight": ((cell.kernel, of_x), (cell.recurrent_kernel, of_h)),
        f"{name}.conv.bias": ((cell.bias, _our_gates),),
    }


def _our_gates(value: np.ndarray) -> np.ndarray:
    """Bring the gates along the first axis into Keras' order."""
    return np.concatenate([np.split(value, 4)[gate] for gate in _GATES])


def convolution(name: str, layer: keras.Layer) -> WeightNames:
    """Name the weights of a convolution with a bias."""
    return {f"{name}.weight": turned(layer.kernel), f"{name}.bias": same(layer.bias)}


def depthwise(name: str, layer: keras.Layer) -> WeightNames:
    """Name the weights of a convolution of every channel by itself, with a bias."""
    return {
        f"{name}.weight": ((layer.kernel, depthwise_kernel),),
        f"{name}.bias": same(layer.bias),
    }


def group_norm(name: str, layer: keras.Layer) -> WeightNames:
    """Name the weights of a group normalisation."""
    return {f"{name}.weight": same(layer.gamma), f"{name}.bias": same(layer.beta)}


def batch_norm(name: str, layer: keras.Layer) -> WeightNames:
    """Name the weights and running statistics of a batch normalisation."""
    return {
        f"{name}.weight": same(layer.gamma),
        f"{name}.bias": same(layer.beta),
        f"{name}.running_mean": same(layer.moving_mean),
        f"{name}.running_var": same(layer.moving_variance),
    }


def counts_batches(name: str) -> bool:
    """Return whether the name is a batch normalisation's count of batches, which we do not need."""
    return name.endswith(".num_batches_tracked")
