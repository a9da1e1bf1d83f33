"""Convolutions and dense layers whose weights begin as PyTorch programs initialise them.

`initial` names them; fan_in and fan_out are values that one output reads, and outputs that read one
value, of one group:

| name | weights | biases |
|---|---|---|
| default | uniform, ±1 / sqrt(fan_in), PyTorch's own | the same |
| fan_out | normal, sqrt(2 / fan_out) | 0 |
| narrow | normal, 0.02 (cut at ±2, a hundred deviations, so never) | 0 |
"""

from typing import Any

import keras


def convolution(
    filters: int, kernel: int, seen: int, initial: str, *, groups: int = 1, **settings: Any
) -> keras.layers.Conv2D:
    """Make a convolution of `seen` channels, same-padded unless `settings` (Keras') say else.

    >>> layer = convolution(4, kernel=3, seen=4, initial="default")
    >>> layer.build((None, None, None, 4))
    >>> bool(keras.ops.max(keras.ops.abs(layer.kernel)) <= 1 / 6)  # fan_in is 36
    True
    """
    size = kernel * kernel
    weights, biases = _initializers(initial, size * seen // groups, size * filters // groups)
    return keras.layers.Conv2D(
        filters,
        kernel,
        groups=groups,
        kernel_initializer=weights,
        bias_initializer=biases,
        **{"padding": "same", **settings},
    )


def depthwise(
    kernel: int, initial: str, *, dilation: int = 1, **settings: Any
) -> keras.layers.DepthwiseConv2D:
    """Make a same-padded convolution of every channel by itself.

    >>> tuple(depthwise(3, initial="fan_out")(keras.ops.ones((1, 8, 8, 4))).shape)
    (1, 8, 8, 4)
    """
    weights, biases = _initializers(initial, kernel * kernel, kernel * kernel)
    return keras.layers.DepthwiseConv2D(
        kernel,
        dilation_rate=dilation,
        padding="same",
        depthwise_initializer=weights,
        bias_initializer=biases,
        **settings,
    )


def dense(units: int, seen: int, initial: str, **settings: Any) -> keras.layers.Dense:
    """Make a dense layer of `seen` values without biases.

    >>> tuple(dense(4, seen=8, initial="default")(keras.ops.ones((2, 8))).shape)
    (2, 4)
    """
    weights, _ = _initializers(initial, seen, units)
    return keras.layers.Dense(units, use_bias=False, kernel_initializer=weights, **settings)


def _initializers(name: str, fan_in: int, fan_out: int) -> tuple[Any, Any]:
    """Make new initializers of weights and biases; one used twice gives the same values twice."""
    if name == "default":
        bound = fan_in**-0.5
        uniform = keras.initializers.RandomUniform
        return uniform(-bound, bound), uniform(-bound, bound)
    deviation = {"fan_out": (2 / fan_out) ** 0.5, "narrow": 0.02}[name]
    return keras.initializers.RandomNormal(stddev=deviation), "zeros"
