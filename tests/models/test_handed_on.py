"""Weights that steps hand on: gradients are the same, summed on the way; what is assigned stays."""

import contextlib
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tfvp.models.graph_step import weights_handed_on
from tfvp.models.rollout import rollout

STEPS = 6


class Counting(keras.layers.Layer):
    """Multiplies a frame by a matrix and counts its calls."""

    def build(self, input_shape):
        """Create both variables."""
        width = input_shape[-1]
        self.matrix = self.add_weight(shape=(width, width), initializer="orthogonal", name="matrix")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, frame):
        """Return the next frame."""
        self.calls.assign(self.calls + 1)
        return ops.tanh(ops.matmul(frame, self.matrix))


@pytest.fixture
def layer() -> Counting:
    keras.utils.set_random_seed(0)
    made = Counting()
    made.build((None, 4))
    return made


def gradient_of(layer: Counting, *, handed_on: bool):
    """A compiled function of frames that gives the gradient of the matrix."""

    @tf.function(autograph=False)
    def gradient(frames):
        inside = weights_handed_on([layer.matrix], [layer.calls])
        with tf.GradientTape() as tape, inside if handed_on else contextlib.nullcontext():
            made = rollout(lambda x, state: (layer(x), state), (), frames, predict_frames=3)
            loss = ops.sum(ops.square(made))
        return tape.gradient(loss, layer.matrix.value)

    return gradient


def sums(function) -> Counter:
    """How many tensors each sum of a compiled function adds."""
    return Counter(len(op.inputs) for op in function.graph.get_operations() if op.type == "AddN")


def test_gradients_are_those_of_variables_and_are_summed_frame_by_frame(layer):
    frames = tf.random.stateless_normal((2, STEPS - 2, 4), (0, 1))
    ours, plain = (gradient_of(layer, handed_on=handed_on) for handed_on in (True, False))
    np.testing.assert_allclose(ours(frames), plain(frames), rtol=1e-5)
    assert sums(plain.get_concrete_function(frames))[STEPS] == 1  # one gradient from each frame
    assert sums(ours.get_concrete_function(frames))[STEPS] == 0


def test_what_a_step_assigns_is_kept(layer):
    gradient_of(layer, handed_on=True)(tf.zeros((2, STEPS - 2, 4)))
    assert float(layer.calls.value) == STEPS
