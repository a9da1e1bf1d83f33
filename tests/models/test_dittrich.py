"""The networks of Dittrich 2020: the counts of its tables, and what his program does otherwise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvp.cells.make import make_cell
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError
from tfvp.models.build import count_parameters
from tfvp.models.recurrent_autoencoder.network import RecurrentAutoencoder
from tfvp.models.spatio_temporal_autoencoder.network import SpatioTemporal

# configuration -> the document's count for Moving MNIST, KTH, KITTI
TABLES = {
    "autoencoder_conv_lstm": (537_411, 542_531, 542_531),
    "autoencoder_st_lstm": (773_018, 781_760, 781_760),
    "prednet_conv_lstm": (6_909_818, 850_325, 8_222_559),
    "prednet_st_lstm": (12_421_090, 1_285_730, 12_430_626),
    "spatio_temporal_conv_lstm": (1_001_324, 1_007_598, 1_640_321),
    "spatio_temporal_st_lstm": (1_415_639, 1_421_913, 2_200_641),
}
PRESETS = (None, "kth", "kitti")  # PredNet alone was counted for gray frames of KTH
CELL = {"kind": "conv_lstm", "kernel": (3, 3), "state_kernel": (3, 3), "peephole": "conv"}


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize("config", TABLES)
def test_parameter_counts_are_those_of_its_tables(config):
    for preset, count in zip(PRESETS, TABLES[config], strict=True):
        assert count_parameters(load_config(config, preset=preset)) == count, preset


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
    assert [cell.name for cell in core.decoder_layers()] == ["decoder0", "decoder1"]
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


# --- the spatio-temporal network ---


def moving(**changes) -> SpatioTemporal:
    core = SpatioTemporal(3, 4, {"kind": "st_lstm", "kernel": 3, "release": "paper"}, **changes)
    core.build((None, 8, 12, 1))
    return core


def test_it_starts_as_a_network_that_looks_at_the_last_frame_alone():
    core = moving()
    for weight in core.cell.weights:  # whatever the cell says, the first flow is none
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    frame = np.random.default_rng(1).random((2, 8, 12, 1)).astype("float32")
    prediction, _ = core(frame, core.initial_state(2, (8, 12, 1)))
    seen = keras.ops.max_pool(core.encoder(frame), 2)
    large = np.kron(to_numpy(seen), np.ones((1, 2, 2, 1), "float32"))
    np.testing.assert_allclose(to_numpy(prediction), to_numpy(core.decoder(large)), atol=1e-6)


def test_a_positive_flow_reads_below_and_to_the_right_and_no_further_than_its_limit():
    core = SpatioTemporal(3, 4, CELL)
    core.build((None, 16, 24, 1))
    nothing, bias = np.zeros((1, 8, 12, 4), "float32"), core.flow_layers[-1].bias
    # a unit is (side - 1) / side of a place, since the grid ends in the outmost centres
    bias.assign([1.0 * 8 / 7, 2.0 * 12 / 11])
    np.testing.assert_allclose(to_numpy(core.flow(nothing))[0, 3, 3], [1.0, 2.0], atol=1e-6)
    frame = np.random.default_rng(1).random((1, 16, 24, 1)).astype("float32")
    prediction, _ = core(frame, core.initial_state(1, (16, 24, 1)))
    seen = to_numpy(keras.ops.max_pool(core.encoder(frame), 2))
    moved = np.zeros_like(seen)
    moved[:, :-1, :-2] = seen[:, 1:, 2:]  # from outside comes zero
    large = np.kron(moved, np.ones((1, 2, 2, 1), "float32"))
    np.testing.assert_allclose(to_numpy(prediction), to_numpy(core.decoder(large)), atol=1e-5)
    bias.assign([100.0, -100.0])
    np.testing.assert_allclose(to_numpy(core.flow(nothing))[0, 0, 0], [1.75, -2.75])


def test_detached_the_map_learns_through_the_flow_alone():
    frame = np.random.default_rng(1).random((2, 8, 12, 1)).astype("float32")
    for detached in (False, True):
        core = moving(detach_sampled=detached)
        with tf.GradientTape() as tape:
            prediction, _ = core(frame, core.initial_state(2, (8, 12, 1)))
            loss = tf.reduce_sum(tf.square(prediction))
        of_encoder, of_flow = tape.gradient(
            loss,
            [core.encoder.kernel.value, core.flow_layers[-1].bias.value],
            unconnected_gradients="zero",
        )
        # the flow is zero at first, so nothing of it reaches the encoder yet
        assert np.any(to_numpy(of_encoder)) == (not detached)
        assert np.any(to_numpy(of_flow))


def test_frames_it_cannot_halve_are_refused():
    with pytest.raises(ValueError, match="must be even, got 7x12"):
        SpatioTemporal(3, 4, CELL).build((None, 7, 12, 1))
    with pytest.raises(ConfigError, match="halves the frame once"):
        load_config("spatio_temporal_conv_lstm", overrides=["data.frame_px=[63, 64]"])


def test_other_cells_and_other_ways_to_remember_are_refused():
    with pytest.raises(ValueError, match=r"expected one of .*conv_lstm, got fc_lstm"):
        make_cell({"kind": "fc_lstm"}, 4)
    with pytest.raises(ValueError, match="expected every_cell or first_cell, got none"):
        RecurrentAutoencoder((3, 4), CELL, remember="none")
