"""Batch normalisation whose running statistics are PyTorch's."""

import keras
from keras import ops

EPSILON, SHARE = 1e-5, 0.1  # as in PyTorch; the weight of a batch in the running statistics


@keras.saving.register_keras_serializable(package="tfvp")
class BatchNorm(keras.layers.Layer):
    """Normalise every channel over batch, rows and columns, as PyTorch's BatchNorm2d.

        y = γ ∘ (x - m) / sqrt(v + 1e-5) + β

    In use m and v are the running mean and variance. In training they are the batch's, v the biased
    one (a mean of squares), and the running ones move a tenth of the way: the mean to m, the
    variance to the unbiased v n / (n - 1), with n values a channel. `keras.layers.
    BatchNormalization` moves it to the biased one. Computed in float32 at least.

    x (B, H, W, C), any range -> (B, H, W, C).

    >>> norm = BatchNorm()  # the values 1 and 3 have m = 2, v = 1 (biased), 2 (unbiased)
    >>> y = norm(ops.reshape(ops.array([1.0, 3.0]), (2, 1, 1, 1)), training=True)
    >>> [round(float(value), 3) for value in ops.ravel(y)]
    [-1.0, 1.0]
    >>> round(float(norm.moving_mean[0]), 3), round(float(norm.moving_variance[0]), 3)
    (0.2, 1.1)
    """

    def build(self, input_shape):
        """Create γ = 1, β = 0, the running mean 0 and the running variance 1, one a channel."""

        def add(name: str, value: str, trainable: bool):
            return self.add_weight(
                name=name,
                shape=(input_shape[-1],),
                initializer=value,
                trainable=trainable,
                autocast=False,  # in mixed precision they stay float32
            )

        self.gamma, self.beta = add("gamma", "ones", True), add("beta", "zeros", True)
        self.moving_mean = add("moving_mean", "zeros", False)
        self.moving_variance = add("moving_variance", "ones", False)
        self.built = True

    def call(self, x, training=None):
        """Normalise x (B, H, W, C)."""
        compute_dtype = x.dtype
        x = ops.cast(x, keras.backend.result_type(compute_dtype, "float32"))
        mean, variance = self._batch(x) if training else (self.moving_mean, self.moving_variance)
        scale = ops.rsqrt(variance + EPSILON) * self.gamma
        return ops.cast((x - mean) * scale + self.beta, compute_dtype)

    def _batch(self, x):
        """Return mean and biased variance of a batch, and move the running ones towards them."""
        mean = ops.mean(x, axis=(0, 1, 2))
        variance = ops.mean(ops.square(x - mean), axis=(0, 1, 2))
        batch, rows, columns, _ = ops.shape(x)
        count = ops.cast(batch * rows * columns, x.dtype)
        unbiased = variance * count / ops.maximum(count - 1, 1)
        for running, new in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
            running.assign((1 - SHARE) * running + SHARE * new)
        return mean, variance
