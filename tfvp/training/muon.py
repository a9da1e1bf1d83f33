"""Muon for the kernels of convolutions, which Keras' own leaves to Adam."""

import keras
from keras import ops

SCALE = 0.2  # an update of Adam's is about this many learning rates a weight (Liu et al. 2025)


@keras.saving.register_keras_serializable(package="tfvp")
class KernelMuon(keras.optimizers.Muon):
    """Momentum whose updates are made orthogonal, for kernels of any rank; Adam for vectors.

        m ← μ m + g        u = g + μ m        U = u as (inputs, outputs), the last axis
        K ← K - lr * 0.2 sqrt(max(inputs, outputs)) * orthogonal(U)

    orthogonal(U) is about V Wᵀ of U's singular value decomposition V S Wᵀ, by five iterations of
    Newton and Schulz, which leave the singular values between 0.7 and 1.2; so every direction of a
    kernel moves alike, however small its gradient. The factor gives a kernel's update the root mean
    square of Adam's, so that one learning rate serves both.

    Source: Jordan et al. 2024 (Muon); the factor: Liu et al. 2025 (Muon is scalable for LLM
    training). `keras.optimizers.Muon` does this to matrices alone, and trains kernels with Adam.

    >>> kernel = keras.Variable([[0.0, 0.0], [0.0, 0.0]])
    >>> optimizer = KernelMuon(learning_rate=1.0, momentum=0.0)
    >>> _ = optimizer.apply([ops.array([[100.0, 0.0], [0.0, 1.0]])], [kernel])
    >>> moved = ops.convert_to_tensor(kernel)  # about 0.2 √2 in both directions
    >>> [0.15 < -float(moved[i, i]) < 0.4 for i in (0, 1)]
    [True, True]

    Args:
        learning_rate: step size; the root mean square of a kernel's update is 0.2 of it.
        momentum: μ.
        beta_1: of Adam, see `keras.optimizers.Adam`.
        beta_2: of Adam.
        epsilon: of Adam.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        momentum: float = 0.95,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            momentum=momentum,
            adam_beta_1=beta_1,
            adam_beta_2=beta_2,
            epsilon=epsilon,
            weight_decay=None,
            adam_weight_decay=None,
            rms_rate=None,  # Keras' factor knows matrices alone
            **kwargs,
        )

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) < 2

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """Make the update of a kernel orthogonal as a matrix, and scale it."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        scale = SCALE * max(matrix.shape) ** 0.5
        return ops.reshape(scale * super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def get_config(self):
        """Return the constructor's arguments."""
        config = keras.optimizers.Optimizer.get_config(self)
        del config["weight_decay"]
        return {
            **config,
            "momentum": self.momentum,
            "beta_1": self.adam_beta_1,
            "beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
        }
