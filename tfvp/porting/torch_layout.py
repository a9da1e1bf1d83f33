"""How PyTorch's layers lay out their arrays, and how Keras' variables take theirs from them.

A network's `TorchProgram` maps every name of a state dict to what takes from it: pairs of a
variable of ours and one of the functions below, original array -> ours.
"""

import keras
import numpy as np

from tfvp.porting.program import Taker, WeightNames

_GATES = (0, 1, 3, 2)  # of i, f, o, g as Keras has them: i, f, g, o


def as_it_is(value: np.ndarray) -> np.ndarray:
    """The same array."""
    return value


def kernel(value: np.ndarray) -> np.ndarray:
    """(out, in, rows, columns) -> (rows, columns, in, out)."""
    return np.transpose(value, (2, 3, 1, 0))


def depthwise_kernel(value: np.ndarray) -> np.ndarray:
    """(channels, 1, rows, columns) -> (rows, columns, channels, 1)."""
    return np.transpose(value, (2, 3, 0, 1))


def matrix(value: np.ndarray) -> np.ndarray:
    """(out, in) -> (in, out)."""
    return np.transpose(value)


def norm_over_maps(value: np.ndarray) -> np.ndarray:
    """(channels, rows, columns) -> (rows, columns, channels)."""
    return np.transpose(value, (1, 2, 0))


def same(variable: keras.Variable) -> tuple[Taker]:
    """A variable that takes an array as it is."""
    return ((variable, as_it_is),)


def turned(variable: keras.Variable) -> tuple[Taker]:
    """A convolution's kernel."""
    return ((variable, kernel),)


def conv_lstm(name: str, cell: keras.Layer, channels: int) -> WeightNames:
    """A ConvLSTM whose one convolution sees x (with so many channels) and h side by side.

    So it is in the much copied cell of github ndrplz/ConvLSTM_pytorch, whose gates are i, f, o, g.
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
    """Gates along the first axis, in Keras' order."""
    return np.concatenate([np.split(value, 4)[gate] for gate in _GATES])


def convolution(name: str, layer: keras.Layer) -> WeightNames:
    """A convolution with a bias."""
    return {f"{name}.weight": turned(layer.kernel), f"{name}.bias": same(layer.bias)}


def depthwise(name: str, layer: keras.Layer) -> WeightNames:
    """A convolution of every channel by itself, with a bias."""
    return {
        f"{name}.weight": ((layer.kernel, depthwise_kernel),),
        f"{name}.bias": same(layer.bias),
    }


def group_norm(name: str, layer: keras.Layer) -> WeightNames:
    """A group normalisation."""
    return {f"{name}.weight": same(layer.gamma), f"{name}.bias": same(layer.beta)}


def batch_norm(name: str, layer: keras.Layer) -> WeightNames:
    """A batch normalisation with its running statistics."""
    return {
        f"{name}.weight": same(layer.gamma),
        f"{name}.bias": same(layer.beta),
        f"{name}.running_mean": same(layer.moving_mean),
        f"{name}.running_var": same(layer.moving_variance),
    }


def counts_batches(name: str) -> bool:
    """Whether a batch normalisation counts batches by this name, which no prediction needs."""
    return name.endswith(".num_batches_tracked")
