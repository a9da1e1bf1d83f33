"""Cells and their parts against NumPy written from the papers, and against Keras' own layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.oracles import eidetic_lstm as eidetic_oracle
from tfvp.cells import EideticLSTMCell
from tfvp.layers.recall import recall
from tfvp.layers.tensor_layer_norm import TensorLayerNorm
from tfvp.layers.window_conv import WindowConv
from tfvp.layers.window_decoder import WindowDecoder
from tfvp.models.cost import count_operations


def randomise(layer, seed=0):
    """Give every weight, biases and gains included, a value that shows."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(0.0, 0.3, weight.shape) + (1 if weight.name == "gamma" else 0))


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize("kernel", [(2, 5, 5), (1, 5, 5), (3, 3, 2), (1, 1, 1)])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_window_conv_equals_keras_conv3d(kernel, depth):
    x = np.random.default_rng(0).normal(size=(2, depth, 4, 6, 3)).astype("float32")
    ours = WindowConv(5, kernel)
    theirs = keras.layers.Conv3D(5, kernel, padding="same")
    ours.build(x.shape)
    theirs.build(x.shape)
    randomise(ours)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(to_numpy(ours(x)), to_numpy(theirs(x)), atol=2e-5)


def test_window_decoder_equals_strided_conv3d():
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 6, 3)).astype("float32")
    ours = WindowDecoder(5)
    theirs = keras.layers.Conv3D(5, (2, 1, 1), strides=(2, 1, 1), padding="same")
    ours.build(x.shape)
    theirs.build(x.shape)
    randomise(ours)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(to_numpy(ours(x)), to_numpy(theirs(x))[:, 0], atol=2e-5)


def test_tensor_layer_norm_by_hand():
    # one sample of 4 values: mean 3, population variance 5
    x = np.array([[[0.0, 2.0], [4.0, 6.0]]], "float32")
    norm = TensorLayerNorm()
    norm.build(x.shape)
    norm.gamma.assign([1.0, 10.0])
    norm.beta.assign([0.0, 0.5])
    root = np.sqrt(5)
    expected = [[[-3 / root, -10 / root + 0.5], [1 / root, 30 / root + 0.5]]]
    np.testing.assert_allclose(to_numpy(norm(x)), expected, rtol=1e-6)


def test_recall_is_textbook_attention():
    rng = np.random.default_rng(1)
    query, history = rng.random((2, 2, 3, 2, 4)), rng.normal(size=(2, 6, 3, 2, 4))
    ours = recall(query.astype("float32"), history.astype("float32"))
    for b in range(2):
        expected = eidetic_oracle.recall(query[b], history[b])
        np.testing.assert_allclose(to_numpy(ours)[b], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("masked", [0, 2])
def test_gradient_of_recall_is_the_textbooks_by_differences(masked, keep):
    """The first `masked` slices of the history are hidden; what is hidden gets no gradient."""
    rng = np.random.default_rng(2)
    given = [rng.random((1, 2, 3, 2, 4)), rng.normal(size=(1, 3, 3, 2, 4))]
    share = rng.normal(size=given[0].shape)
    mask = np.arange(3)[None] >= masked if masked else None

    def textbook(query, history):
        return np.sum(share[0] * eidetic_oracle.recall(query[0], history[0, masked:]))

    query, history = (tf.constant(x) for x in given)
    with tf.GradientTape() as tape:
        tape.watch((query, history))
        loss = tf.reduce_sum(share * recall(query, history, mask, keep_weights=keep))
    for i, gradient in enumerate(tape.gradient(loss, (query, history))):
        by_differences = np.zeros_like(given[i])
        for place in np.ndindex(given[i].shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [x.copy() for x in given]
                moved[i][place] += step
                ends.append(textbook(*moved))
            by_differences[place] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(to_numpy(gradient), by_differences, rtol=1e-6, atol=1e-8)


def test_weights_that_are_not_kept_are_one_more_product():
    """12 places read 18 in 4 channels: two products forward, then four, or five if not kept."""
    query, history = tf.ones((1, 2, 3, 2, 4)), tf.ones((1, 3, 3, 2, 4))

    def work(keep):
        with tf.GradientTape() as tape:
            tape.watch(query)
            values = recall(query, history, keep_weights=keep)
        tape.gradient(values, query)

    product = 2 * 12 * 18 * 4
    assert count_operations(lambda: work(True)) == 6 * product
    assert count_operations(lambda: work(False)) == 7 * product


def test_masked_recall_sees_only_filled_slices():
    rng = np.random.default_rng(1)
    query, history = (rng.random((1, n, 3, 2, 4)).astype("float32") for n in (2, 6))
    mask = np.array([[False, False, True, True, True, True]])
    np.testing.assert_allclose(
        to_numpy(recall(query, history, mask)), to_numpy(recall(query, history[:, 2:])), rtol=1e-5
    )


@pytest.mark.parametrize("kernel", [(2, 3, 3), (1, 5, 5)])
@pytest.mark.parametrize("carry_memory", [False, True])
def test_eidetic_cell_equals_oracle_over_three_steps(kernel, carry_memory):
    rng = np.random.default_rng(2)
    cell = EideticLSTMCell(4, kernel, carry_memory=carry_memory)
    cell.build((None, 2, 3, 5, 3))
    randomise(cell)
    weights = {
        weight.path.split("/", 1)[1]: to_numpy(weight).astype("float64") for weight in cell.weights
    }
    state = cell.get_initial_state(1)
    start = rng.normal(size=(4, 2, 3, 5, 4))
    hidden, memory, history = start[0], start[2], start[:0, 0]
    expected_cell = start[1]
    state = state._replace(
        hidden=start[None, 0].astype("float32"),
        cell=start[None, 1].astype("float32"),
        memory=start[None, 2].astype("float32"),
    )
    for _ in range(3):
        x = rng.normal(size=(2, 3, 5, 3))
        output, state = cell(x[None].astype("float32"), state)
        hidden, expected_cell, new_memory, history = eidetic_oracle.step(
            x, hidden, expected_cell, memory, history, weights
        )
        memory = new_memory if carry_memory else memory
        expected = {"hidden": hidden, "cell": expected_cell, "memory": memory, "history": history}
        for slot, value in expected.items():
            ours = to_numpy(getattr(state, slot))[0]
            np.testing.assert_allclose(ours, value, rtol=2e-3, atol=2e-4, err_msg=slot)
        np.testing.assert_array_equal(to_numpy(output), to_numpy(state.hidden))


def test_a_memory_known_to_be_zero_equals_zeros():
    cell = EideticLSTMCell(4, (2, 3, 3))
    cell.build((None, 2, 3, 5, 3))
    randomise(cell)
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 5, 3)).astype("float32")
    state = cell.get_initial_state(2)
    zeros, _ = cell(x, state)
    none, _ = cell(x, state._replace(memory=None))
    np.testing.assert_allclose(to_numpy(none), to_numpy(zeros), atol=1e-5)
