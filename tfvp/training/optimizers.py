"""Optimizers by kind, and those that Keras does not have."""

import keras
from keras import ops

from tfvp.config import OptimizerConfig


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


@keras.saving.register_keras_serializable(package="tfvp")
class ClippedMomentum(keras.optimizers.Optimizer):
    """Momentum SGD whose velocity is clipped, as the released program of Srivastava et al. 2015.

        lr = learning_rate * rate_decay ^ floor(t / decay_steps)      (t counts updates from 0)
        v ← clip(momentum * v - lr (g + decay * w), -clip, clip)      (no decay of biases)
        w ← w + v

    The clipped velocity is what the next update starts from. With gradients that are sums over a
    batch of frames almost every update is at its limit: a mean needs another learning rate.
    """

    def __init__(
        self,
        learning_rate: float = 1e-4,
        *,
        momentum: float = 0.9,
        clip: float = 1e-4,
        decay: float = 1e-4,
        rate_decay: float = 0.9,
        decay_steps: int = 10_000,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.clip = clip
        self.decay = decay
        self.rate_decay = rate_decay
        self.decay_steps = decay_steps

    def build(self, variables):
        """Create the velocities, all zero."""
        if self.built:
            return
        super().build(variables)
        (self.velocities,) = self.add_optimizer_variables(variables, ["velocity"])

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable."""
        velocity = self.velocities[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, "float32")
        if "bias" not in variable.name:
            gradient = gradient + self.decay * variable
        periods = ops.cast(self.iterations // self.decay_steps, "float32")
        rate = learning_rate * ops.power(self.rate_decay, periods)
        moved = self.momentum * velocity - rate * gradient
        self.assign(velocity, ops.clip(moved, -self.clip, self.clip))
        self.assign_add(variable, velocity)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "clip": self.clip,
            "decay": self.decay,
            "rate_decay": self.rate_decay,
            "decay_steps": self.decay_steps,
        }


def build_optimizer(config: OptimizerConfig) -> keras.optimizers.Optimizer:
    """The optimizer that a configuration names."""
    values = config.model_dump(exclude={"kind"})
    if config.kind == "rmsprop":
        values["rho"] = values.pop("decay")
    if config.kind == "clipped_momentum":
        values["decay"] = values.pop("weight_decay")  # `weight_decay` is Keras' own, of all weights
    return OPTIMIZERS[config.kind](**values, name="optimizer")


OPTIMIZERS = {
    "adam_tf1": AdamTF1,
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "clipped_momentum": ClippedMomentum,
}
