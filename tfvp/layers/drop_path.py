"""Stochastic depth: a residual branch is left out for some clips in training."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class DropPath(keras.layers.Layer):
    """Set a branch to 0 for a share of the clips in training; the others' is divided by the rest.

    Huang et al. 2016 (arXiv:1603.09382), per clip and scaled as in timm. In use it does nothing.

    x (B, ...), any range -> (B, ...).

    Args:
        rate: probability that a clip goes without, below 1.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, training=None):
        """Drop some of x (B, ...)."""
        if not training or self.rate <= 0:
            return x
        ones = ops.ones((ops.shape(x)[0], *(1,) * (len(x.shape) - 1)), x.dtype)
        return x * keras.random.dropout(ones, self.rate, seed=self.seed_generator)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate}
