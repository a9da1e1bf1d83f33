"""The networks of Dittrich 2020: the counts of its tables, and what his program does otherwise."""

import keras
import numpy as np
import pytest

from tfvp.config_files import load_config
from tfvp.networks.build import CORES
from tfvp.networks.recurrent_autoencoder import RecurrentAutoencoder
from tfvp.networks.recurrent_cell import recurrent_cell

# configuration -> the document's count for Moving MNIST, KTH, KITTI
TABLES = {
    "autoencoder_conv_lstm": (537_411, 542_531, 542_531),
    "autoencoder_st_lstm": (773_018, 781_760, 781_760),
    "prednet_conv_lstm": (6_909_818, 850_325, 8_222_559),
    "prednet_st_lstm": (12_421_090, 1_285_730, 12_430_626),
}
# frames (H, W, C) that it counted with; PredNet alone was counted for gray frames of KTH
FRAMES = {None: (64, 64, 1), "kth": (60, 80, 3), "kitti": (128, 160, 3)}
CELL = {"kind": "conv_lstm", "kernel": (3, 3), "state_kernel": (3, 3), "peephole": "conv"}


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize("config", TABLES)
def test_parameter_counts_are_those_of_its_tables(config):
    for preset, count in zip(FRAMES, TABLES[config], strict=True):
        model = load_config(config, preset=preset).model
        height, width, channels = FRAMES[preset]
        if preset == "kth" and model.network == "prednet":
            channels = 1
        core = CORES[model.network](model)
        with keras.StatelessScope(initialize_variables=False):
            core.build((None, height, width, channels))
            assert core.count_params() == count, preset


def autoencoder(**changes) -> RecurrentAutoencoder:
    core = RecurrentAutoencoder((3, 4), CELL, **changes)
    core.build((None, 4, 5, 2))
    rng = np.random.default_rng(0)
    for weight in core.weights:
        weight.assign(rng.normal(0.0, 0.5, weight.shape))
    return core


def frames(steps: int) -> np.ndarray:
    return np.random.default_rng(1).random((steps, 2, 4, 5, 2)).astype("float32")


def run(core, steps: int):
    state = core.initial_state(2, (4, 5, 2))
    for frame in frames(steps):
        prediction, state = core(frame, state)
    return to_numpy(prediction), state


def test_the_autoencoder_is_four_cells_on_each_other():
    core = autoencoder()
    assert [cell.filters for cell in core.cells] == [3, 4, 3, 2]
    assert [cell.name for cell in core.decoder] == ["decoder0", "decoder1"]
    states = [cell.get_initial_state(2) for cell in core.cells]
    for frame in frames(3):
        x = frame
        for i, cell in enumerate(core.cells):
            x, states[i] = cell(x, states[i])
    np.testing.assert_allclose(run(core, 3)[0], to_numpy(x), atol=1e-6)


def test_where_only_the_first_cell_remembers_the_others_start_empty_at_every_frame():
    core = autoencoder(remember="first_cell")
    prediction, state = run(core, 3)
    assert len(state) == 1
    first = core.cells[0].get_initial_state(2)
    for frame in frames(3):
        x, first = core.cells[0](frame, first)
    for cell in core.cells[1:]:  # as the program: its later blocks see one thing, the last output
        x, _ = cell(x, cell.get_initial_state(2))
    np.testing.assert_allclose(prediction, to_numpy(x), atol=1e-6)
    assert not np.allclose(prediction, run(autoencoder(), 3)[0], atol=1e-3)
    np.testing.assert_allclose(run(core, 1)[0], run(autoencoder(), 1)[0], atol=1e-6)


def test_other_cells_and_other_ways_to_remember_are_refused():
    with pytest.raises(ValueError, match="expected one of conv_lstm, st_lstm, got lstm"):
        recurrent_cell({"kind": "lstm"}, 4)
    with pytest.raises(ValueError, match="expected every_cell or first_cell, got none"):
        RecurrentAutoencoder((3, 4), CELL, remember="none")
