"""The contract that every cell keeps."""

import inspect

import keras
import numpy as np
import pytest

from tfvp.cells import CELLS, STLSTMCell

# How to make a small one of each, and the shape of one step's input without the batch axis. Behind
# the kind a variant whose states or weights are others.
SMALL = {
    "eidetic_lstm": ({"filters": 4, "kernel": (2, 3, 3)}, (2, 4, 5, 3)),
    "eidetic_lstm carried": (
        {"filters": 4, "kernel": (2, 3, 3), "carry_memory": True},
        (2, 4, 5, 3),
    ),
    "st_lstm": ({"filters": 4, "kernel": 3}, (4, 5, 3)),
    "st_lstm 2017": ({"filters": 4, "kernel": 3, "release": "2017", "layer_norm": True}, (4, 5, 3)),
    "causal_lstm": ({"filters": 4, "kernel": 3}, (4, 5, 3)),
    "ghu": ({"filters": 4, "kernel": 3}, (4, 5, 3)),
    "prednet": ({"filters": 4, "channels": 3}, (4, 6, 3)),
    "prednet st_lstm": (
        {
            "filters": 4,
            "channels": 3,
            "unit": lambda dtype: STLSTMCell(4, 3, release="paper", dtype=dtype),
        },
        (4, 6, 3),
    ),
    "conv_lstm": (
        {"filters": 4, "kernel": (3, 3), "state_kernel": (3, 3), "peephole": "channel"},
        (4, 5, 3),
    ),
    "conv_lstm conv_released": (
        {"filters": 4, "kernel": (3, 3), "state_kernel": (3, 3), "peephole": "conv_released"},
        (4, 5, 3),
    ),
    "fc_lstm": ({"units": 4}, (3,)),
}
# Arguments other than their defaults, so that one that is left out of get_config shows.
UNUSUAL = {
    "fc_lstm": {"units": 3, "activation": "relu", "reads_input": False},
    "conv_lstm": {
        "filters": 3,
        "kernel": (1, 3),
        "state_kernel": (3, 1),
        "peephole": "conv",
        "use_bias": False,
        "unit_forget_bias": True,
        "reads_input": False,
        "kernel_range": 0.2,
    },
    "eidetic_lstm": {
        "filters": 3,
        "kernel": (1, 3, 5),
        "carry_memory": True,
        "history_length": 7,
        "forget_bias": 0.5,
        "keep_recall": False,
    },
    "st_lstm": {
        "filters": 3,
        "kernel": 7,
        "release": "2017",
        "layer_norm": True,
        "forget_bias": 0.5,
    },
    "causal_lstm": {
        "filters": 3,
        "kernel": 7,
        "memory_channels": 6,
        "layer_norm": False,
        "forget_bias": 0.5,
    },
    "ghu": {"filters": 3, "kernel": 7, "layer_norm": False},
    "prednet": {
        "filters": 3,
        "channels": 2,
        "kernel": 5,
        "filters_above": 7,
        "channels_above": 6,
        "pixel_max": 0.5,
        "unit": STLSTMCell(3, 5, release="paper"),
    },
}


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_every_cell_is_held_to_this_contract():
    assert {name.split()[0] for name in SMALL} == set(CELLS) == set(UNUSUAL)


@pytest.fixture(params=SMALL)
def kind(request):
    return request.param


def make(kind, **changes):
    arguments, step_shape = SMALL[kind]
    if "unit" in arguments:
        arguments = {**arguments, "unit": arguments["unit"](changes.get("dtype"))}
    cell = CELLS[kind.split()[0]](**{**arguments, **changes})
    cell.build((None, *step_shape))
    rng = np.random.default_rng(0)
    for weight in cell.weights:
        weight.assign(rng.normal(0.0, 0.3, weight.shape) + (1 if weight.name == "gamma" else 0))
    return cell


def inputs(kind, batch=3, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, *SMALL[kind][1])).astype("float32")


def test_every_state_slot_moves_unless_declared_constant(kind):
    cell = make(kind)
    state = cell.get_initial_state(3)
    rng = np.random.default_rng(1)
    noise = {
        slot: rng.normal(size=value.shape).astype("float32")
        for slot, value in state._asdict().items()
        if slot not in cell.constant_states
    }
    _, after = cell(inputs(kind), type(state)(**{**state._asdict(), **noise}))
    for slot, value in after._asdict().items():
        before = noise.get(slot, state._asdict()[slot])
        moved = value.shape != before.shape or not np.allclose(to_numpy(value), to_numpy(before))
        assert moved == (slot not in cell.constant_states), slot


@pytest.mark.parametrize("kind", CELLS)
def test_constructor_arguments_survive_get_config(kind):
    cls = CELLS[kind]
    arguments = set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs"}
    assert arguments == set(UNUSUAL[kind]), "every argument needs an unusual value here"
    again = cls.from_config(cls(**UNUSUAL[kind]).get_config())
    expected = {
        name: keras.saving.serialize_keras_object(value)
        if isinstance(value, keras.Layer)
        else value
        for name, value in UNUSUAL[kind].items()
    }
    assert {name: again.get_config()[name] for name in arguments} == expected


def test_batch_items_are_independent(kind):
    cell, x = make(kind), inputs(kind)
    changed = x.copy()
    changed[1] += 1.0
    (a, _), (b, _) = (cell(v, cell.get_initial_state(3)) for v in (x, changed))
    differs = [not np.array_equal(to_numpy(a)[i], to_numpy(b)[i]) for i in range(3)]
    assert differs == [False, True, False]


def test_bfloat16_computes_and_float32_keeps_the_weights(kind):
    cell = make(kind, dtype="mixed_bfloat16")
    assert {weight.dtype for weight in cell.weights} == {"float32"}
    output, _ = cell(inputs(kind), cell.get_initial_state(3))
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    reference, _ = make(kind)(inputs(kind), make(kind).get_initial_state(3))
    np.testing.assert_allclose(
        to_numpy(keras.ops.cast(output, "float32")), to_numpy(reference), atol=0.06
    )


def test_keras_rnn_takes_it_and_agrees_with_stepping(kind):
    cell = make(kind)
    steps = np.stack([inputs(kind, seed=t) for t in range(3)], axis=1)
    outputs = to_numpy(keras.layers.RNN(cell, return_sequences=True, unroll=True)(steps))
    state = cell.get_initial_state(3)
    for t in range(3):
        output, state = cell(steps[:, t], state)
        np.testing.assert_allclose(outputs[:, t], to_numpy(output), atol=1e-5)


def test_masked_history_agrees_with_the_growing_one_and_needs_no_unrolling():
    steps = np.stack([inputs("eidetic_lstm", seed=t) for t in range(4)], axis=1)
    growing = keras.layers.RNN(make("eidetic_lstm"), return_sequences=True, unroll=True)(steps)
    masked_cell = make("eidetic_lstm", history_length=4)
    masked = keras.layers.RNN(masked_cell, return_sequences=True)(steps)
    np.testing.assert_allclose(to_numpy(masked), to_numpy(growing), atol=1e-5)
    shorter = keras.layers.RNN(make("eidetic_lstm", history_length=2), return_sequences=True)(steps)
    difference = np.abs(to_numpy(shorter) - to_numpy(growing)).max(axis=(0, 2, 3, 4, 5))
    assert (difference[:2] < 1e-5).all()
    assert (difference[2:] > 1e-4).all()  # what lies two steps back is forgotten
