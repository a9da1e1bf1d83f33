"""What a network costs: parameters as the literature counts them, floating-point operations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

from keras import ops
from keras.src import backend  # where all of Keras' layers and operations end up

from tfvp.backend import backend as ours
from tfvp.models.base import VideoPredictor
from tfvp.models.scanned import scanned

RUNNING_STATISTICS = ("moving_mean", "moving_variance")  # frozen weights are not trainable either


def parameter_count(network: VideoPredictor) -> int:
    """Count the values that training learns: frozen layers' too, batch statistics not.

    Neither are those counted that no training of ours changes, see `Core.pretrained_parts`.

    As PyTorch's `Module.parameters()`, which the published counts are of; Keras' `count_params`
    has the running statistics in it.

    >>> from tfvp import build_model, load_config
    >>> parameter_count(build_model(load_config("dfn")))  # as published
    637361
    """
    parts = network.core.pretrained_parts().values()
    pretrained = {id(weight) for part in parts for weight in part.weights}
    return sum(
        prod(weight.shape)
        for weight in network.weights
        if weight.name not in RUNNING_STATISTICS and id(weight) not in pretrained
    )


def count_operations(call: Callable[[], Any]) -> float:
    """Count the floating-point operations of `call`'s convolutions and matrix products.

    Two for each multiplication with its addition; what meets only padding counts, everything that
    goes value by value does not. The usual measure of a network's cost: half of it are its MACs.

    >>> count_operations(lambda: ops.matmul(ops.ones((2, 3)), ops.ones((3, 5))))  # 2 * 2 * 3 * 5
    60.0
    """
    total = 0.0

    def add(name: str, operations: Callable[..., float]) -> Callable:
        original = getattr(_home(name), name)

        def counted(*operands, **settings):
            nonlocal total, inside
            outermost, inside = not inside, True  # a product may be made of others
            try:
                result = original(*operands, **settings)
            finally:
                inside = not outermost
            total += operations(result, *operands) if outermost else 0.0
            return result

        return counted

    inside = False
    with _replaced({name: add(name, operations) for name, operations in _OPERATIONS.items()}):
        with scanned(False):
            ours.followed(call)
    return total


def prediction_operations(predictor: Any, context_frames: int, predict_frames: int) -> float:
    """Count the floating-point operations of predicting one clip; half of them are MACs.

    Args:
        predictor: a `VideoPredictor`.
        context_frames: frames that are given.
        predict_frames: frames that are predicted.
    """
    context = ops.zeros((1, context_frames, *predictor.frame_shape))
    return count_operations(lambda: predictor.counted_prediction(context, predict_frames))


def _convolution(y, x, kernel, *_) -> float:
    del x
    return 2.0 * prod(y.shape) * prod(kernel.shape[:-1])


def _depthwise_convolution(y, x, kernel, *_) -> float:
    del x
    return 2.0 * prod(y.shape) * prod(kernel.shape[:2])


def _transposed_convolution(y, x, kernel, *_) -> float:
    del y
    return 2.0 * prod(x.shape) * prod(kernel.shape[:-1])


def _product(y, a, b) -> float:
    del b
    return 2.0 * prod(y.shape) * a.shape[-1]


def _einsum(y, subscripts: str, *operands) -> float:
    del y
    names = subscripts.split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for name, operand in zip(names, operands, strict=True):
        sizes |= dict(zip(name, operand.shape, strict=True))
    return 2.0 * prod(sizes.values())


_OPERATIONS: dict[str, Callable[..., float]] = {
    "conv": _convolution,
    "depthwise_conv": _depthwise_convolution,
    "conv_transpose": _transposed_convolution,
    "matmul": _product,
    "einsum": _einsum,
}


def _home(name: str) -> Any:
    return backend.nn if "conv" in name else backend.numpy


@contextmanager
def _replaced(functions: dict[str, Callable]) -> Iterator[None]:
    originals = {name: getattr(_home(name), name) for name in functions}
    try:
        for name, function in functions.items():
            setattr(_home(name), name, function)
        yield
    finally:
        for name, original in originals.items():
            setattr(_home(name), name, original)
