"""The ConvLSTM cell against NumPy written from the paper, and against Keras' own LSTMs."""

import keras
import numpy as np
import pytest

from tests.oracles import conv_lstm as oracle
from tfvp.cells import ConvLSTMCell


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def randomised(cell, step_shape, seed=0):
    cell.build((None, *step_shape))
    rng = np.random.default_rng(seed)
    for weight in cell.weights:
        weight.assign(rng.normal(0.0, 0.4, weight.shape))
    return cell


def peepholes(cell):
    """Of i, f, o; None where there is none, "candidate" where o looks through the candidate's."""
    own = [to_numpy(p).astype("float64") for p in cell.peepholes] or [None] * 3
    return [*own, "candidate"] if cell.peephole == "conv_released" else own


def by_gate(cell):
    """The cell's weights as the oracle takes them."""

    def four(weight):
        return np.split(to_numpy(weight).astype("float64"), 4, axis=-1)

    return {
        "x": four(cell.kernel) if cell.reads_input else [None] * 4,
        "h": four(cell.recurrent_kernel),
        "b": four(cell.bias) if cell.use_bias else [0.0] * 4,
        "peephole": peepholes(cell),
    }


@pytest.mark.parametrize(
    "changes",
    [
        *({"peephole": kind} for kind in ("none", "channel", "full", "conv", "conv_released")),
        {"peephole": "conv_released", "use_bias": False},
        {"peephole": "channel", "state_kernel": (1, 1)},
        {"use_bias": False},
        {"peephole": "channel", "reads_input": False},
    ],
    ids=str,
)
def test_conv_lstm_equals_oracle_over_three_steps(changes):
    cell = randomised(ConvLSTMCell(4, (3, 5), **{"state_kernel": (5, 3), **changes}), (4, 5, 3))
    rng = np.random.default_rng(1)
    h, c = rng.normal(size=(2, 4, 5, 4))
    state = (h[None].astype("float32"), c[None].astype("float32"))
    for _ in range(3):
        x = rng.normal(size=(4, 5, 3))
        output, state = cell(x[None].astype("float32"), state)
        h, c = oracle.step(x, h, c, by_gate(cell))
        np.testing.assert_allclose(to_numpy(state.hidden)[0], h, atol=2e-5)
        np.testing.assert_allclose(to_numpy(state.cell)[0], c, atol=2e-5)
        np.testing.assert_array_equal(to_numpy(output), to_numpy(state.hidden))


def test_without_peephole_it_is_keras_conv_lstm_2d():
    cell = randomised(ConvLSTMCell(4, (3, 3), state_kernel=(3, 3)), (6, 5, 3))
    theirs = keras.layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)
    x = np.random.default_rng(2).normal(size=(2, 4, 6, 5, 3)).astype("float32")
    theirs.build(x.shape)
    theirs.set_weights([to_numpy(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)])
    ours = keras.layers.RNN(cell, return_sequences=True)(x)
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs(x)), atol=1e-5)


def test_on_one_pixel_it_is_keras_lstm_cell():
    cell = randomised(ConvLSTMCell(4, (1, 1), state_kernel=(1, 1)), (1, 1, 3))
    theirs = keras.layers.LSTMCell(4)
    theirs.build((None, 3))
    theirs.set_weights(
        [
            to_numpy(cell.kernel)[0, 0],
            to_numpy(cell.recurrent_kernel)[0, 0],
            to_numpy(cell.bias),
        ]
    )
    rng = np.random.default_rng(3)
    x, h, c = rng.normal(size=(2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    x, h, c = (v.astype("float32") for v in (x, h, c))
    ours, state = cell(x[:, None, None], (h[:, None, None], c[:, None, None]))
    expected, (_, expected_cell) = theirs(x, [h, c])
    np.testing.assert_allclose(to_numpy(ours)[:, 0, 0], to_numpy(expected), atol=1e-6)
    np.testing.assert_allclose(to_numpy(state.cell)[:, 0, 0], to_numpy(expected_cell), atol=1e-6)


def test_without_an_input_kernel_the_input_does_not_matter():
    cell = randomised(ConvLSTMCell(4, (3, 3), reads_input=False), (4, 5, 3))
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    state = cell.get_initial_state(2)
    np.testing.assert_array_equal(to_numpy(cell(x, state)[0]), to_numpy(cell(x + 1, state)[0]))


def test_the_forget_bias_starts_at_one_only_where_asked():
    for asked in (False, True):
        cell = ConvLSTMCell(2, unit_forget_bias=asked)
        cell.build((None, 4, 5, 3))
        assert to_numpy(cell.bias).tolist() == [0, 0, asked, asked, 0, 0, 0, 0]


def test_an_unknown_peephole_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"none, channel, full, conv, conv_released, got vector"):
        ConvLSTMCell(4, peephole="vector")
