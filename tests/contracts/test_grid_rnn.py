"""`GridRNN` in Keras' models: what `keras.layers.ConvLSTM2D` can do, every cell on a grid can."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests import ROOT
from tests.contracts.test_cells import SMALL, inputs, make, to_numpy
from tests.helpers import with_slow
from tfvp.cells import ConvLSTMCell, EideticLSTMCell, GridRNN, STLSTMCell

GRIDS = [kind for kind in SMALL if kind != "fc_lstm"]


def make_on_grid(kind, **changes):
    eidetic = {"history_length": 4} if kind.startswith("eidetic") else {}
    return make(kind, **eidetic, **changes)


def clip(kind, steps=4, batch=2):
    return np.stack([inputs(kind, batch, seed=t) for t in range(steps)], axis=1)


@pytest.fixture(params=with_slow(GRIDS, {"conv_lstm", "eidetic_lstm", "prednet"}))
def kind(request):
    return request.param


def test_a_functional_model_knows_the_shapes_that_it_gives(kind):
    cell, frames = make_on_grid(kind), clip(kind)
    x = keras.Input(frames.shape[1:])
    for sequences in (True, False):
        outputs = GridRNN(cell, return_sequences=sequences, return_state=True)(x)
        found = keras.Model(x, outputs)(frames)
        assert [(2, *o.shape[1:]) for o in outputs] == [tuple(f.shape) for f in found]
        assert len(found) == 1 + len(cell.get_initial_state(2))
    following = keras.layers.TimeDistributed(keras.layers.Dense(3))
    after = following(GridRNN(cell, return_sequences=True)(x))
    assert after.shape == (None, 4, *cell.get_initial_state(2)[0].shape[1:-1], 3)


def test_state_and_output_are_those_of_stepping(kind):
    cell, frames = make_on_grid(kind), clip(kind)
    outputs, *state = GridRNN(cell, return_sequences=True, return_state=True)(frames)
    wanted = cell.get_initial_state(2)
    for t in range(4):
        output, wanted = cell(frames[:, t], wanted)
        np.testing.assert_allclose(to_numpy(outputs)[:, t], to_numpy(output), atol=1e-5)
    for slot, value in zip(state, wanted, strict=True):
        np.testing.assert_allclose(to_numpy(slot), to_numpy(value), atol=1e-5)
    first, *between = GridRNN(cell, return_state=True)(frames[:, :2])
    last = GridRNN(cell)(frames[:, 2:], initial_state=between)
    np.testing.assert_allclose(to_numpy(last), to_numpy(outputs)[:, -1], atol=1e-5)
    np.testing.assert_allclose(to_numpy(first), to_numpy(outputs)[:, 1], atol=1e-5)


def test_backwards_stateful_and_masked(kind):
    cell, frames = make_on_grid(kind), clip(kind)
    forward = to_numpy(GridRNN(cell, return_sequences=True)(frames))

    backwards = GridRNN(cell, go_backwards=True)(frames[:, ::-1])
    np.testing.assert_allclose(to_numpy(backwards), forward[:, -1], atol=1e-5)

    kept = GridRNN(cell, stateful=True)
    kept(frames[:, :2])
    np.testing.assert_allclose(to_numpy(kept(frames[:, 2:])), forward[:, -1], atol=1e-5)
    kept.reset_state()
    np.testing.assert_allclose(to_numpy(kept(frames)), forward[:, -1], atol=1e-5)

    mask = np.array([[True, True, False, False], [True, True, True, True]])
    masked = to_numpy(GridRNN(cell)(frames, mask=mask))
    np.testing.assert_allclose(masked[0], forward[0, 1], atol=1e-5)
    np.testing.assert_allclose(masked[1], forward[1, 3], atol=1e-5)
    zeroed = GridRNN(cell, return_sequences=True, zero_output_for_mask=True)(frames, mask=mask)
    shown = mask.reshape(2, 4, *(1,) * (forward.ndim - 2))
    np.testing.assert_allclose(to_numpy(zeroed), forward * shown, atol=1e-5)


def test_a_masked_frame_in_the_middle_leaves_output_and_state_as_they_were(kind):
    cell, frames = make_on_grid(kind), clip(kind)
    without = GridRNN(cell, return_sequences=True, return_state=True)(frames[:, [0, 2, 3]])
    mask = np.array([[True, False, True, True]] * 2)
    masked = GridRNN(cell, return_sequences=True, return_state=True)(frames, mask=mask)
    outputs = to_numpy(without[0])
    np.testing.assert_allclose(to_numpy(masked[0]), outputs[:, [0, 0, 1, 2]], atol=1e-5)
    for slot, wanted in zip(masked[1:], without[1:], strict=True):
        np.testing.assert_allclose(to_numpy(slot), to_numpy(wanted), atol=1e-5)


def test_bidirectional_and_time_distributed(kind):
    cell, frames = make_on_grid(kind), clip(kind)
    both = keras.layers.Bidirectional(GridRNN(cell, return_sequences=True))
    symbolic = both(keras.Input(frames.shape[1:]))
    found = to_numpy(both(frames))
    assert found.shape[1:] == symbolic.shape[1:]
    assert found.shape[-1] == 2 * cell.output_size
    forward, backward = both.forward_layer, both.backward_layer
    np.testing.assert_allclose(
        found,
        np.concatenate([to_numpy(forward(frames)), to_numpy(backward(frames))[:, ::-1]], axis=-1),
        atol=1e-5,
    )
    several = np.stack([frames, frames[:, ::-1]], axis=1)  # (B, 2, T, ...)
    each = keras.layers.TimeDistributed(GridRNN(cell))(several)
    np.testing.assert_allclose(to_numpy(each)[:, 0], to_numpy(GridRNN(cell)(frames)), atol=1e-5)


def test_another_length_batch_and_grid_the_second_time(kind):
    layer = GridRNN(make_on_grid(kind), return_sequences=True)
    layer(clip(kind))
    assert layer(clip(kind, steps=2, batch=3)).shape[:2] == (3, 2)
    larger = np.repeat(clip(kind), 2, axis=-2)
    assert layer(larger).shape == (*larger.shape[:-1], layer.cell.output_size)


PREDICT = """
import sys
import numpy as np
import tfvp, keras
folder, *names = sys.argv[1:]
for name in names:
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    found = model([np.load(f"{folder}/{name}.npy"), np.array([[True, True, False]])])
    np.save(f"{folder}/{name}.out.npy", keras.ops.convert_to_numpy(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow)])
def test_saved_models_are_loaded_by_a_fresh_process(backend, tmp_path):
    """The last of three frames is masked, so that forth and back differ."""
    if backend == "jax":
        pytest.importorskip("jax")
    for number, kind in enumerate(GRIDS):
        frames = clip(kind, steps=3, batch=1)
        x, mask = keras.Input(frames.shape[1:]), keras.Input((3,), dtype="bool")
        layer = keras.layers.Bidirectional(GridRNN(make_on_grid(kind), return_sequences=True))
        model = keras.Model([x, mask], layer(x, mask=mask))
        model.save(tmp_path / f"{number}.keras")
        np.save(tmp_path / f"{number}.npy", frames)
        found = model([frames, np.array([[True, True, False]])])
        np.save(tmp_path / f"{number}.wanted.npy", to_numpy(found))
    subprocess.run(
        [sys.executable, "-c", PREDICT, tmp_path, *map(str, range(len(GRIDS)))],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    for number, kind in enumerate(GRIDS):
        found, wanted = (np.load(tmp_path / f"{number}.{x}.npy") for x in ("out", "wanted"))
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=kind)


def test_what_cannot_be_is_refused_in_a_line():
    growing = EideticLSTMCell(3, (2, 3, 3))
    with pytest.raises(ValueError, match=r"history grows.*unroll=True.*history_length"):
        GridRNN(growing)
    unrolled = GridRNN(growing, unroll=True)
    frames = np.zeros((2, 3, 2, 4, 5, 1), "float32")
    assert unrolled(frames).shape == (2, 2, 4, 5, 3)
    with pytest.raises(ValueError, match="mask: the cell needs a history_length"):
        unrolled(frames, mask=np.ones((2, 3), bool))
    with pytest.raises(
        ValueError, match=r"sequences: expected \(B, T, H, W, C\), got \(2, 4, 5, 1\)"
    ):
        GridRNN(STLSTMCell(3, 3))(np.zeros((2, 4, 5, 1), "float32"))
    kept = GridRNN(STLSTMCell(3, 3), stateful=True)
    kept(np.zeros((2, 3, 4, 5, 1), "float32"))
    with pytest.raises(ValueError, match=r"kept state has the grid \(4, 5\), got \[8, 5\]"):
        kept(np.zeros((2, 3, 8, 5, 1), "float32"))
    with pytest.raises(ValueError, match="kernel: expected a number or 2 of them"):
        ConvLSTMCell(3, (3, 3, 3))


@pytest.mark.parametrize("kind", sorted({kind.split()[0] for kind in GRIDS}))
def test_a_kernel_is_a_number_or_one_for_each_axis(kind):
    arguments = {name: v for name, v in SMALL[kind][0].items() if "kernel" not in name}
    axes = 3 if kind == "eidetic_lstm" else 2
    states = {"state_kernel": 3} if kind == "conv_lstm" else {}
    shapes = []
    for kernel in (3, (3,) * axes):
        cell = type(make(kind))(**arguments, **states, kernel=kernel)
        cell.build((None, *SMALL[kind][1]))
        shapes.append([weight.shape for weight in cell.weights])
    assert shapes[0] == shapes[1]
