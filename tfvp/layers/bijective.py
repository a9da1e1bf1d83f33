"""Layers that run in both directions: from a frame upwards, and back down to a frame."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvp")
class ScaledOrthogonal(keras.initializers.Orthogonal):
    """Draw an orthogonal random matrix and scale its columns to one standard deviation.

    A kernel counts as a matrix (rows · columns · in, out); the standard deviation of each of its
    columns becomes 2 / √(rows · columns · in + out).

    >>> kernel = ScaledOrthogonal()((3, 3, 4, 28))  # a matrix (36, 28): 2 / √64
    >>> {round(float(deviation), 4) for deviation in ops.std(kernel, axis=(0, 1, 2))}
    {0.25}
    """

    def __call__(self, shape, dtype=None):
        """Draw a kernel of this shape."""
        matrix = (math.prod(shape[:-1]), shape[-1])
        drawn = ops.reshape(super().__call__(shape, dtype=dtype), matrix)
        wanted = 2 / math.sqrt(sum(matrix))
        return ops.reshape(drawn * (wanted / ops.std(drawn, axis=0, keepdims=True)), shape)


@keras.saving.register_keras_serializable(package="tfvp")
class BijectiveConv(keras.layers.Layer):
    """Convolve, up or down with one kernel; Oliu et al. 2018 (FRNN, ECCV), as released.

        up: y = tanh(W * x + b)        down: x = tanh(Wᵀ * y + b')

    `*` is a same-padded convolution; Wᵀ is W with its channels exchanged and turned by half a
    circle, so that down is the transposed convolution. up (B, H, W, C) -> (B, H, W, filters), down
    the other way; both in [-1, 1].

    >>> conv = BijectiveConv(filters=8, kernel=3)
    >>> y = conv(ops.ones((1, 6, 6, 2)))
    >>> tuple(y.shape), tuple(conv.down(y).shape)
    ((1, 6, 6, 8), (1, 6, 6, 2))

    Args:
        filters: channels of y.
        kernel: side of the kernel, odd.
    """

    def __init__(self, filters: int, kernel: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel

    def build(self, input_shape):
        """Create the kernel and a bias for each direction (zero)."""
        side, channels = self.kernel_size, input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(side, side, channels, self.filters),
            initializer=ScaledOrthogonal(),
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.bias_down = self.add_weight(name="bias_down", shape=(channels,), initializer="zeros")
        self.built = True

    def call(self, x):
        """Map x (B, H, W, C) up to y (B, H, W, filters)."""
        return ops.tanh(ops.conv(x, self.kernel, padding="same") + self.bias)

    def down(self, y):
        """Map y (B, H, W, filters) down to x (B, H, W, C)."""
        turned = ops.transpose(ops.flip(self.kernel, axis=(0, 1)), (0, 1, 3, 2))
        return ops.tanh(ops.conv(y, turned, padding="same") + self.bias_down)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "filters": self.filters, "kernel": self.kernel_size}


@keras.saving.register_keras_serializable(package="tfvp")
class BijectiveGRU(keras.layers.Layer):
    """A convolutional GRU that can also update its input; Oliu et al. 2018, as released.

        up, x (B, H, W, C) and state s (B, H, W, filters) -> s':
            r, z = σ(W_r * [x s] + b_r), σ(W_z * [x s] + b_z)
            s' = z ∘ tanh(W_c * [x, r ∘ s] + b_c) + (1 - z) ∘ s
        down, the same x and u (B, H, W, filters) from above -> x', with weights of its own:
            r, z = σ(V_r * [x u] + a_r), σ(V_z * [x u] + a_z)
            x' = z ∘ tanh(V_c * [r ∘ x, u] + a_c) + (1 - z) ∘ x

    `*` is a same-padded convolution. It is no cell of `tfvp.cells`: what a cell keeps is its own,
    while x, which down changes, is the state of the layer below.

    >>> gru, x = BijectiveGRU(filters=8, kernel=3), ops.ones((1, 6, 6, 2))
    >>> gru.build(x.shape)
    >>> state = gru(x, ops.zeros((1, 6, 6, 8)))
    >>> tuple(state.shape), tuple(gru.down(x, state).shape)
    ((1, 6, 6, 8), (1, 6, 6, 2))

    Args:
        filters: channels of s.
        kernel: side of the kernels, odd.
    """

    def __init__(self, filters: int, kernel: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel

    def build(self, input_shape):
        """Create the weights of both directions and the state before the first frame (zero)."""
        self.input_channels = input_shape[-1]
        self.up_weights = self._weights("up", self.filters)
        self.down_weights = self._weights("down", self.input_channels)
        self.first_state = self.add_weight(
            name="first_state", shape=(self.filters,), initializer="zeros"
        )
        self.built = True

    def _weights(
        self, direction: str, channels: int
    ) -> list[tuple[keras.Variable, keras.Variable]]:
        """Create kernel and bias of the reset gate, the update gate and the candidate."""
        side, read = self.kernel_size, self.input_channels + self.filters
        return [
            (
                self.add_weight(
                    name=f"{direction}_{part}_kernel",
                    shape=(side, side, read, channels),
                    initializer=ScaledOrthogonal(),
                ),
                self.add_weight(
                    name=f"{direction}_{part}_bias", shape=(channels,), initializer="zeros"
                ),
            )
            for part in ("reset", "update", "candidate")
        ]

    def call(self, x, state):
        """Return the new state (B, H, W, filters) from x (B, H, W, C) and the state before."""
        reset, update = self._gates(self.up_weights, x, state)
        candidate = self._candidate(self.up_weights, x, reset * state)
        return update * candidate + (1 - update) * state

    def down(self, x, above):
        """Return the new x (B, H, W, C) from x and the state above (B, H, W, filters)."""
        reset, update = self._gates(self.down_weights, x, above)
        candidate = self._candidate(self.down_weights, reset * x, above)
        return update * candidate + (1 - update) * x

    @staticmethod
    def _gates(weights, x, state):
        both = ops.concatenate([x, state], axis=-1)
        return [ops.sigmoid(ops.conv(both, w, padding="same") + b) for w, b in weights[:2]]

    @staticmethod
    def _candidate(weights, x, state):
        kernel, bias = weights[2]
        both = ops.concatenate([x, state], axis=-1)
        return ops.tanh(ops.conv(both, kernel, padding="same") + bias)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "filters": self.filters, "kernel": self.kernel_size}
