"""RMSProp as TensorFlow 1 and as Torch have it, which Keras does not."""

import keras
from keras import ops


class RunningSquares(keras.optimizers.Optimizer):
    """What both variants share: a running mean v of the squared gradient of every weight.

        v ← rho v + (1 - rho) g²        p ← p - lr * g / root(v)

    A variant says where v starts and what its root is.
    """

    first: str
    """The Keras initializer of the running means."""

    def __init__(self, learning_rate: float, *, rho: float, epsilon: float, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def root(self, v):
        """Return what the gradient is divided by."""
        raise NotImplementedError

    def build(self, variables):
        """Create the running means."""
        if self.built:
            return
        super().build(variables)
        self.squares = [
            self.add_variable_from_reference(variable, name="square", initializer=self.first)
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable."""
        v = self.squares[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, "float32")
        self.assign(v, self.rho * v + (1 - self.rho) * ops.square(gradient))
        self.assign_sub(variable, learning_rate * gradient / self.root(v))

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tfvp")
class RMSPropTF1(RunningSquares):
    """RMSProp as TensorFlow 1 has it: v starts at 1, and root(v) = sqrt(v + epsilon).

    `keras.optimizers.RMSprop` starts at 0, so its first update is 1 / sqrt(1 - rho) learning rates.

    >>> weight, optimizer = keras.Variable([1.0]), RMSPropTF1(learning_rate=0.1, rho=0.9)
    >>> _ = optimizer.apply([ops.array([2.0])], [weight])  # 1 - 0.1 * 2 / √(0.9 + 0.1 * 4)
    >>> round(float(weight[0]), 4)
    0.8246
    """

    first = "ones"

    def __init__(self, learning_rate=1e-3, *, rho=0.9, epsilon=1e-10, **kwargs):
        super().__init__(learning_rate, rho=rho, epsilon=epsilon, **kwargs)

    def root(self, v):
        """Return √(v + epsilon): epsilon is inside the root."""
        return ops.sqrt(v + self.epsilon)


@keras.saving.register_keras_serializable(package="tfvp")
class RMSPropTorch(RunningSquares):
    """RMSProp as Torch's optim.rmsprop: v starts at 0, and root(v) = sqrt(v) + epsilon.

    >>> weight, optimizer = keras.Variable([1.0]), RMSPropTorch(learning_rate=0.1, rho=0.75)
    >>> _ = optimizer.apply([ops.array([2.0])], [weight])  # 1 - 0.1 * 2 / √(0.25 * 4)
    >>> round(float(weight[0]), 4)
    0.8
    """

    first = "zeros"

    def __init__(self, learning_rate=1e-2, *, rho=0.99, epsilon=1e-8, **kwargs):
        super().__init__(learning_rate, rho=rho, epsilon=epsilon, **kwargs)

    def root(self, v):
        """Return √v + epsilon: epsilon is outside the root."""
        return ops.sqrt(v) + self.epsilon
