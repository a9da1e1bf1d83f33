"""Clipping of a whole batch's gradient."""

from keras import ops

from tfvp.config.optimizers import ClipConfig


def clip_gradients(gradients: list, config: ClipConfig) -> list:
    """Clip the gradients of all weights, as `training.clip` says.

    "global_norm" multiplies them all by norm / max(norm, ‖g‖), where ‖g‖² is the sum of the squares
    of all their numbers (Pascanu et al. 2013), computed in float32; "value" cuts every number to
    [-value, value].

    >>> import numpy as np
    >>> from tfvp.config.optimizers import GlobalNormClipConfig
    >>> gradients = [np.array([3.0], "float32"), np.array([0.0, 4.0], "float32")]
    >>> [np.array(g).tolist() for g in clip_gradients(gradients, GlobalNormClipConfig(norm=2.5))]
    [[1.5], [0.0, 2.0]]
    """
    if config.kind == "value":
        return [ops.clip(gradient, -config.value, config.value) for gradient in gradients]
    squares = [ops.sum(ops.square(ops.cast(gradient, "float32"))) for gradient in gradients]
    norm = ops.sqrt(sum(squares[1:], squares[0]))
    scale = config.norm / ops.maximum(norm, config.norm)
    return [gradient * ops.cast(scale, gradient.dtype) for gradient in gradients]
