"""Optimizers by kind, those that Keras does not have, and clipping of a batch's gradient."""

import keras
from keras import ops

from tfvp.backend import backend
from tfvp.config.optimizers import ClipConfig
from tfvp.config.training import TrainingConfig
from tfvp.training.muon import KernelMuon
from tfvp.training.rmsprop import RMSPropTF1, RMSPropTorch
from tfvp.training.schedules import learning_rate, momentum


@keras.saving.register_keras_serializable(package="tfvp")
class AdamTF1(keras.optimizers.Optimizer):
    """Adam as the released E3D-LSTM program wrote it by hand: epsilon inside the square root.

        m ← β1 m + (1 - β1) g        v ← β2 v + (1 - β2) g²
        p ← p - lr * m / (1 - β1ᵗ) / sqrt(v / (1 - β2ᵗ) + epsilon)

    `keras.optimizers.Adam` adds its epsilon outside the root (and to the uncorrected one).

    >>> weight, optimizer = keras.Variable([1.0]), AdamTF1(learning_rate=0.1)
    >>> _ = optimizer.apply([ops.array([5.0])], [weight])  # the first update is one learning rate
    >>> round(float(weight[0]), 4)
    0.9
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
        self._moved = backend.traced_by_shape(self._by_the_equations)

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
        step = ops.cast(self.iterations + 1, "float32")
        gradient = ops.cast(gradient, "float32")
        change, new_m, new_v = self._moved(m, v, gradient, step, learning_rate)
        self.assign(m, new_m)
        self.assign(v, new_v)
        self.assign_sub(variable, change)

    def _by_the_equations(self, m, v, gradient, step, learning_rate):
        """Return what is subtracted from the weight, and the new moments."""
        m = self.beta_1 * m + (1 - self.beta_1) * gradient
        v = self.beta_2 * v + (1 - self.beta_2) * ops.square(gradient)
        mean = m / (1 - ops.power(self.beta_1, step))
        square = v / (1 - ops.power(self.beta_2, step))
        return learning_rate * mean / ops.sqrt(square + self.epsilon), m, v

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

        v ← clip(momentum * v - learning_rate (g + decay * w), -clip, clip)   (no decay of biases)
        w ← w + v

    The clipped velocity is what the next update starts from. With gradients that are sums over a
    batch of frames almost every update is at its limit: a mean needs another learning rate.

    >>> weight, optimizer = keras.Variable([1.0]), ClippedMomentum(learning_rate=0.1, clip=0.05)
    >>> _ = optimizer.apply([ops.array([2.0])], [weight])  # at its limit
    >>> round(float(weight[0]), 4)
    0.95
    """

    def __init__(
        self,
        learning_rate: float = 1e-4,
        *,
        momentum: float = 0.9,
        clip: float = 1e-4,
        decay: float = 1e-4,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.clip = clip
        self.decay = decay

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
        moved = self.momentum * velocity - learning_rate * gradient
        self.assign(velocity, ops.clip(moved, -self.clip, self.clip))
        self.assign_add(variable, velocity)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "clip": self.clip,
            "decay": self.decay,
        }


def build_optimizer(training: TrainingConfig) -> keras.optimizers.Optimizer:
    """Build the optimizer that a training section names; see `set_schedules` for its rate.

    >>> build_optimizer(TrainingConfig(optimizer={"kind": "adam_tf1"})).beta_1
    0.95
    """
    config = training.optimizer
    values, made = config.model_dump(exclude={"kind", "variant"}), OPTIMIZERS[config.kind]
    if config.kind == "rmsprop":
        values["rho"] = values.pop("decay")
        made = {"tf1": RMSPropTF1, "torch": RMSPropTorch}.get(config.variant, made)
    if config.kind == "clipped_momentum":
        values["decay"] = values.pop("weight_decay")  # `weight_decay` is Keras' own, of all weights
    optimizer = made(**values, name="optimizer")
    if momentum(1, training) is not None:  # a number would be compiled into the update
        name = MOMENTUM[config.kind]
        initial = keras.initializers.Constant(values[name])
        variable = optimizer.add_variable((), initial, aggregation="only_first_replica", name=name)
        setattr(optimizer, name, variable)
    return optimizer


def set_schedules(
    optimizer: keras.optimizers.Optimizer, step: int, training: TrainingConfig
) -> None:
    """Give an optimizer the learning rate, and the momentum if it cycles, of step `step`.

    >>> training = TrainingConfig(steps=100, schedule={"kind": "cosine"})
    >>> optimizer = build_optimizer(training)
    >>> set_schedules(optimizer, 51, training)
    >>> round(float(optimizer.learning_rate), 6)
    0.0005
    """
    optimizer.learning_rate = learning_rate(step, training)
    cycled = momentum(step, training)
    if cycled is not None:
        getattr(optimizer, MOMENTUM[training.optimizer.kind]).assign(cycled)


def clip_gradients(gradients: list, config: ClipConfig) -> list:
    """Clip the gradients of all weights, a tensor each, as `training.clip` says.

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


OPTIMIZERS = {
    "adam_tf1": AdamTF1,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "clipped_momentum": ClippedMomentum,
    "muon": KernelMuon,
}
MOMENTUM = {
    "adam_tf1": "beta_1",
    "adam": "beta_1",
    "adamw": "beta_1",
    "clipped_momentum": "momentum",
    "muon": "momentum",
}
