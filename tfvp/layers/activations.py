"""The hard sigmoid of Keras 2, which Keras 3 replaced by a steeper one of the same name."""

from keras import ops


def keras2_hard_sigmoid(x):
    """Straight line through (0, 0.5) of slope 0.2, clipped: 0 below -2.5, 1 above 2.5.

    `keras.activations.hard_sigmoid` is relu6(x + 3) / 6 since Keras 3. Any shape.
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
