"""The FC-LSTM cell against NumPy written from the paper, and against Keras' LSTM."""

import keras
import numpy as np
import pytest

from tests.oracles import fc_lstm as oracle
from tfvp.cells import FCLSTMCell


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def randomised(cell, width):
    cell.build((None, width))
    rng = np.random.default_rng(0)
    for weight in cell.weights:
        weight.assign(rng.normal(0.0, 0.5, weight.shape))
    return cell


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("reads_input", [True, False])
def test_fc_lstm_equals_oracle_over_three_steps(activation, reads_input):
    n = 4
    cell = randomised(FCLSTMCell(n, activation=activation, reads_input=reads_input), 3)
    weights = {
        "x": to_numpy(cell.kernel).astype("float64").reshape(3, 4, n) if reads_input else None,
        "h": to_numpy(cell.recurrent_kernel).astype("float64").reshape(n, 4, n),
        "b": to_numpy(cell.bias).astype("float64").reshape(4, n),
        "peephole": np.array([to_numpy(p) for p in cell.peepholes], "float64"),
    }
    squash = np.tanh if activation == "tanh" else lambda v: max(v, 0.0)
    rng = np.random.default_rng(1)
    h, c = rng.normal(size=(2, n))
    state = (h[None].astype("float32"), c[None].astype("float32"))
    for _ in range(3):
        x = rng.normal(size=3)
        output, state = cell(x[None].astype("float32"), state)
        h, c = oracle.step(x, h, c, weights, squash)
        np.testing.assert_allclose(to_numpy(state.hidden)[0], h, atol=1e-5)
        np.testing.assert_allclose(to_numpy(state.cell)[0], c, atol=1e-5)
        np.testing.assert_array_equal(to_numpy(output), to_numpy(state.hidden))


def test_without_peepholes_it_is_keras_lstm():
    cell = randomised(FCLSTMCell(4), 3)
    for peephole in cell.peepholes:
        peephole.assign(np.zeros(4))
    theirs = keras.layers.LSTM(4, return_sequences=True)
    x = np.random.default_rng(2).normal(size=(2, 5, 3)).astype("float32")
    theirs.build(x.shape)
    theirs.set_weights([to_numpy(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)])
    ours = keras.layers.RNN(cell, return_sequences=True)(x)
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs(x)), atol=1e-6)
