"""Layer normalisation over a whole sample, as TF1's contrib layer_norm did it."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class TensorLayerNorm(keras.layers.Layer):
    """Normalise each sample over all its axes at once; scale and shift per channel.

        y = γ ∘ (x - mean(x)) / sqrt(var(x) + epsilon) + β

    mean and (population) variance over every axis but the first; γ, β (C,). `keras.layers.
    LayerNormalization` cannot stand in: over several axes its γ and β get the shape of all of them.
    Computed in float32 at least, whatever the compute dtype, since epsilon is below bfloat16's
    reach.

    x (B, ..., C), any range -> (B, ..., C).
    Source: tf.contrib.layers.layer_norm of TensorFlow 1.9, as E3D-LSTM and PredRNN++ call it.

    >>> [float(value) for value in ops.ravel(TensorLayerNorm()(ops.array([[1.0, 3.0]])))]
    [-1.0, 1.0]
    """

    def __init__(self, epsilon: float = 1e-12, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        """Create γ = 1 and β = 0, one value a channel."""
        channels = input_shape[-1]
        # autocast off: in mixed precision they stay float32 like the statistics
        self.gamma = self.add_weight(
            name="gamma", shape=(channels,), initializer="ones", autocast=False
        )
        self.beta = self.add_weight(
            name="beta", shape=(channels,), initializer="zeros", autocast=False
        )
        self.built = True

    def call(self, x):
        """Normalise x (B, ..., C)."""
        compute_dtype = x.dtype
        x = ops.cast(x, keras.backend.result_type(compute_dtype, "float32"))
        axes = tuple(range(1, len(x.shape)))
        mean = ops.mean(x, axis=axes, keepdims=True)
        centred = x - mean
        variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon) * self.gamma
        return ops.cast(centred * scale + self.beta, compute_dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}
