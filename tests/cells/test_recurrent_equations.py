"""The cells of PredRNN, PredRNN++ and PredNet against NumPy written from the specifications."""

import keras
import numpy as np
import pytest

from tests.oracles import causal_lstm as causal_oracle
from tests.oracles import ghu as ghu_oracle
from tests.oracles import prednet as prednet_oracle
from tests.oracles import st_lstm as st_oracle
from tests.oracles.convolution import convolve
from tfvp.cells import GHU, CausalLSTMCell, ConvLSTMCell, PredNetCell, STLSTMCell
from tfvp.cells.prednet import keras2_hard_sigmoid


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def randomised(cell, step_shape):
    """Build, give every weight a value that shows; the weights by path below the cell."""
    cell.build((None, *step_shape))
    rng = np.random.default_rng(0)
    for weight in cell.weights:
        weight.assign(rng.normal(0.0, 0.3, weight.shape) + (1 if weight.name == "gamma" else 0))
    return {w.path.split("/", 1)[1]: to_numpy(w).astype("float64") for w in cell.weights}


def assert_steps_agree(cell, step_shape, state_shapes, oracle):
    """Three steps from a random state; `oracle(x, *state)` gives the output and the new state."""
    rng = np.random.default_rng(1)
    expected = [rng.normal(size=shape) for shape in state_shapes]
    state = type(cell.get_initial_state(1))(*(s[None].astype("float32") for s in expected))
    for _ in range(3):
        x = rng.normal(size=step_shape)
        output, state = cell(x[None].astype("float32"), state)
        wanted, *expected = oracle(x, *expected)
        np.testing.assert_allclose(to_numpy(output)[0], wanted, rtol=2e-3, atol=1e-4)
        for slot, ours, theirs in zip(state._fields, state, expected, strict=True):
            np.testing.assert_allclose(
                to_numpy(ours)[0], theirs, rtol=2e-3, atol=1e-4, err_msg=slot
            )


@pytest.mark.parametrize("release", ["2021", "2017", "paper"])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_st_lstm_equals_oracle(release, layer_norm):
    cell = STLSTMCell(4, 3, release=release, layer_norm=layer_norm)
    weights = randomised(cell, (3, 5, 2))

    def oracle(x, h, c, m):
        hidden, *others = st_oracle.step(x, h, c, m, weights, release)
        return hidden, hidden, *others

    assert_steps_agree(cell, (3, 5, 2), [(3, 5, 4)] * 3, oracle)


def test_biases_of_st_lstm_are_those_of_each_source():
    for release, biased in (
        ("2021", set()),
        ("2017", {"input", "hidden", "memory", "mix"}),
        ("paper", {"input"}),
    ):
        cell = STLSTMCell(4, 3, release=release)
        paths = randomised(cell, (3, 5, 2))
        found = {path.split("/")[0] for path in paths if path.endswith("/bias")}
        assert found == {f"conv_{source}" for source in biased}


@pytest.mark.parametrize("layer_norm", [False, True])
def test_causal_lstm_equals_oracle(layer_norm):
    cell = CausalLSTMCell(4, 3, layer_norm=layer_norm)
    weights = randomised(cell, (3, 5, 2))

    def oracle(x, h, c, m):
        hidden, *others = causal_oracle.step(x, h, c, m, weights)
        return hidden, hidden, *others

    assert_steps_agree(cell, (3, 5, 2), [(3, 5, 4)] * 3, oracle)


def test_causal_lstm_takes_a_memory_of_another_width():
    cell = CausalLSTMCell(4, 3, memory_channels=6)
    weights = randomised(cell, (3, 5, 2))
    rng = np.random.default_rng(1)
    x, h, c, m = (rng.normal(size=(3, 5, width)) for width in (2, 4, 4, 6))
    output, state = cell(x[None].astype("float32"), state_of(h, c, m))
    expected = causal_oracle.step(x, h, c, m, weights)
    np.testing.assert_allclose(to_numpy(output)[0], expected[0], rtol=2e-3, atol=1e-4)
    assert state.memory.shape == (1, 3, 5, 4)


def state_of(*slots):
    return tuple(slot[None].astype("float32") for slot in slots)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_ghu_equals_oracle(layer_norm):
    unit = GHU(4, 3, layer_norm=layer_norm)
    weights = randomised(unit, (3, 5, 2))

    def oracle(x, z):
        new = ghu_oracle.step(x, z, weights)
        return new, new

    assert_steps_agree(unit, (3, 5, 2), [(3, 5, 4)], oracle)


@pytest.mark.parametrize("pixel_max", [None, 0.4])
def test_prednet_layer_equals_oracle(pixel_max):
    cell = PredNetCell(4, 2, pixel_max=pixel_max)
    weights = randomised(cell, (4, 6, 2))

    def oracle(x, r, c, e):
        hidden, cell_state, _, error, _ = prednet_oracle.step(x, r, c, e, weights, None, pixel_max)
        return error, hidden, cell_state, error

    assert_steps_agree(cell, (4, 6, 2), [(4, 6, 4), (4, 6, 4), (4, 6, 4)], oracle)


@pytest.mark.parametrize("kind", ["conv_lstm", "st_lstm"])
def test_another_unit_of_prednet_reads_the_errors_and_the_layer_above(kind):
    unit = {
        "conv_lstm": lambda: ConvLSTMCell(4, (3, 3), state_kernel=(3, 3), peephole="conv"),
        "st_lstm": lambda: STLSTMCell(4, 3, release="paper"),
    }[kind]()
    cell = PredNetCell(4, 2, filters_above=3, unit=unit)
    weights = randomised(cell, (4, 6, 2))
    state = cell.get_initial_state(1)
    rng = np.random.default_rng(1)
    state = type(state)(*(rng.normal(size=slot.shape).astype("float32") for slot in state))
    a, above = (rng.normal(size=shape).astype("float32") for shape in ((4, 6, 2), (2, 3, 3)))
    error, after = cell(a[None], tuple(state), above[None])
    # the unit reads the errors first, then every place of the layer above twice both ways
    x = np.concatenate([to_numpy(state.error)[0], np.kron(above, np.ones((2, 2, 1)))], axis=-1)
    _, expected = unit(x[None].astype("float32"), tuple(state)[:-1])
    for slot in expected._fields:
        np.testing.assert_allclose(
            to_numpy(getattr(after, slot)), to_numpy(getattr(expected, slot))
        )
    seen = convolve(
        to_numpy(after.hidden)[0], weights["layer_ahat/kernel"], weights["layer_ahat/bias"]
    )
    halves = [np.maximum(sign * (np.maximum(seen, 0) - a), 0) for sign in (1, -1)]
    np.testing.assert_allclose(to_numpy(error)[0], np.concatenate(halves, -1), rtol=2e-3, atol=1e-4)
    np.testing.assert_array_equal(to_numpy(error), to_numpy(after.error))


def test_prednet_layer_sees_the_layer_above_and_passes_its_error_up():
    cell = PredNetCell(4, 2, filters_above=3, channels_above=5)
    weights = randomised(cell, (4, 6, 2))
    rng = np.random.default_rng(1)
    a, r, c, e = (rng.normal(size=(4, 6, width)) for width in (2, 4, 4, 4))
    above = rng.normal(size=(2, 3, 3))
    error, state = cell(a[None].astype("float32"), state_of(r, c, e), above[None].astype("float32"))
    hidden, _, _, wanted, up = prednet_oracle.step(a, r, c, e, weights, above)
    np.testing.assert_allclose(to_numpy(error)[0], wanted, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(to_numpy(state.hidden)[0], hidden, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(to_numpy(cell.climb(error))[0], up, rtol=2e-3, atol=1e-4)
    with pytest.raises(ValueError, match="above: expected R of the layer above, 3 channels"):
        cell(a[None].astype("float32"), state_of(r, c, e))


def test_hard_sigmoid_is_that_of_keras_2():
    x = np.array([-3.0, -2.5, -1.0, 0.0, 1.0, 2.5, 3.0], "float32")
    np.testing.assert_allclose(to_numpy(keras2_hard_sigmoid(x)), [0, 0, 0.3, 0.5, 0.7, 1, 1])
