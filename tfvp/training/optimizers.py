"""Optimizers that Keras does not have."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class AdamTF1(keras.optimizers.Optimizer):
    """Adam as the released E3D-LSTM program wrote it by hand: epsilon inside the square root.

        m ← β1 m + (1 - β1) g        v ← β2 v + (1 - β2) g²
        p ← p - lr * m / (1 - β1ᵗ) / sqrt(v / (1 - β2ᵗ) + epsilon)

    `keras.optimizers.Adam` adds its epsilon outside the root (and to the uncorrected one).
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.95,
        beta_2: float = 0.9995,
        epsilon: float = 1e-8,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables):
        """Create the first and second moments, all zero."""
        if self.built:
            return
        super().build(variables)
        self.first_moments, self.second_moments = self.add_optimizer_variables(
            variables, ["first_moment", "second_moment"]
        )

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable."""
        index = self._get_variable_index(variable)
        m, v = self.first_moments[index], self.second_moments[index]
        gradient = ops.cast(gradient, "float32")
        step = ops.cast(self.iterations + 1, "float32")
        self.assign(m, self.beta_1 * m + (1 - self.beta_1) * gradient)
        self.assign(v, self.beta_2 * v + (1 - self.beta_2) * ops.square(gradient))
        mean = m / (1 - ops.power(self.beta_1, step))
        square = v / (1 - ops.power(self.beta_2, step))
        self.assign_sub(variable, learning_rate * mean / ops.sqrt(square + self.epsilon))

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
