"""Stochastic depth: a residual branch is left out for some clips in training."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class DropPath(keras.layers.Layer):
    """Set a branch to 0 for some clips in training and divide the others by 1 - rate.

    Huang et al. 2016 (arXiv:1603.09382), per clip and scaled as in timm. In use it does nothing.

    x (B, ...), any range -> (B, ...).

    >>> y = DropPath(0.5)(ops.ones((100, 1)), training=True)
    >>> sorted({float(value) for value in ops.ravel(y)})
    [0.0, 2.0]

    Args:
        rate: probability that a clip goes without the branch, below 1.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, training=None):
        """Drop x (B, ...) for some of the B clips in training, else return it."""
        if not training or self.rate <= 0:
            return x
        ones = ops.ones((ops.shape(x)[0], *(1,) * (len(x.shape) - 1)), x.dtype)
        return x * keras.random.dropout(ones, self.rate, seed=self.seed_generator)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate}
