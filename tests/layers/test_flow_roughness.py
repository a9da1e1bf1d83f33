"""The penalty on rough flows: its values and slopes by hand, and what a training does with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.layers.flow import flow_differences, flow_roughness, huber
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.models.spatio_temporal_autoencoder.network import SpatioTemporal
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer
from tfvp.training.losses import build_loss

CELL = {"kind": "conv_lstm", "kernel": (3, 3), "state_kernel": (3, 3), "peephole": "conv"}


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_differences_by_hand():
    flow = np.zeros((1, 2, 3, 2), "float32")
    flow[0, ..., 0] = [[1, 2, 4], [8, 16, 32]]
    rows, columns = np.moveaxis(to_numpy(flow_differences(flow))[0, ..., 0, :], -1, 0)
    assert rows.tolist() == [[8, 16, 32], [-1, -2, -4]]  # from outside comes zero
    assert columns.tolist() == [[2, 3, -2], [16, 24, -16]]
    assert not to_numpy(flow_differences(flow))[..., 1, :].any()


def test_huber_by_hand():
    a = np.array([0.0, 5e-4, -5e-4, 1e-3, 2e-3, -1.0], "float32")
    expected = [0.0, 1.25e-7, 1.25e-7, 5e-7, 1.5e-6, 9.995e-4]
    np.testing.assert_allclose(to_numpy(huber(a)), expected, rtol=1e-5)


def test_roughness_and_its_slope_by_hand():
    """One place leaves zero, in one clip within delta and in the other beyond it."""
    flow = np.zeros((2, 4, 5, 2), "float32")
    flow[0, 1, 2, 0], flow[1, 1, 2, 1] = 5e-4, -0.1
    x = tf.constant(flow)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = flow_roughness(x)
    slope = to_numpy(tape.gradient(value, x))
    # a place is in four differences, each shared with the place two away on the other side
    np.testing.assert_allclose(to_numpy(value), [4 * 1.25e-7, 4 * (1e-4 - 5e-7)], rtol=1e-5)
    np.testing.assert_allclose(slope[0, 1, :, 0], [-5e-4, 0, 2e-3, 0, -5e-4], rtol=1e-5)
    np.testing.assert_allclose(slope[1, 1, :, 1], [1e-3, 0, -4e-3, 0, 1e-3], rtol=1e-5)
    np.testing.assert_allclose(slope[1, :, 2, 1], [0, -4e-3, 0, 1e-3], rtol=1e-5)
    with tf.GradientTape() as tape:  # where every flow starts
        tape.watch(x)
        value = flow_roughness(0 * x)
    assert not to_numpy(tape.gradient(value, x)).any()


def test_the_networks_own_loss_is_of_its_flow_in_halves_of_the_side():
    core = SpatioTemporal(3, 4, CELL)
    predictor = RecurrentPredictor(core, (8, 12, 1))
    core.flow_layers[-1].bias.assign([0.02, 0.3])  # pixels of a 4x6 map: 0.01 and 0.1 of its half
    x = np.random.default_rng(0).random((2, 5, 8, 12, 1)).astype("float32")
    batch = {"frames": x, "teacher_forcing_mask": np.zeros((2, 1), "float32")}
    outputs = predictor.training_outputs(batch, 2, auxiliary=True)
    predictions, own = outputs.predictions, outputs.auxiliary["flow_roughness"]
    np.testing.assert_allclose(to_numpy(predictions), to_numpy(predictor(batch)), atol=1e-6)
    # an even flow is rough at the edge of the map alone: 2 * 6 and 2 * 4 differences a component
    one_step = 20 * 1e-3 * (0.01 - 5e-4) + 20 * 1e-3 * (0.1 - 5e-4)
    np.testing.assert_allclose(to_numpy(own), np.full((2, 4), one_step), rtol=1e-5)


SMALL = ("model.encoder=3", "model.hidden=4", "model.cell.kernel=[3,3]")


def gradients(folder, weight: float, frames_counted: str):
    """Of a trainer whose flow is rough at random; the horizon is three of six frames."""
    changes = [*tiny.OF_ANY, *SMALL, f"data.prepared={folder}", f"training.loss.network={weight}"]
    changes += [f"training.loss.frames={frames_counted}"]
    config = load_config("spatio_temporal_conv_lstm", preset="smooth_flow", overrides=changes)
    keras.utils.set_random_seed(0)
    trainer = build_trainer(config, Devices(config))
    core = trainer.predictor.core
    core.flow_layers[-1].kernel.assign(keras.random.normal((1, 1, 2, 2), seed=1))
    frames = np.random.default_rng(0).random((4, 6, 12, 16, 1)).astype("float32")
    batch = {"frames": tf.constant(frames), "teacher_forcing_mask": tf.ones((4, 2))}
    _, found = trainer.summed_gradients(batch)
    with tf.GradientTape() as tape:
        outputs = trainer.predictor.training_outputs(batch, 3, auxiliary=True)
        counted = {"all": slice(None), "future": slice(-3, None)}[frames_counted]
        own = tf.reduce_sum(outputs.auxiliary["flow_roughness"][:, counted])
    return found, tape.gradient(own, [v.value for v in trainer.trainable_variables])


@pytest.mark.parametrize("counted", ["all", "future"])
def test_its_weight_is_that_of_its_slope_over_the_frames_that_count(tmp_path, counted):
    without, slope = gradients(tmp_path, 0.0, counted)
    with_it, _ = gradients(tmp_path, 5.0, counted)
    moved = False
    for plain, changed, of_own in zip(without, with_it, slope, strict=True):
        expected = 0.0 if of_own is None else to_numpy(of_own)
        difference = to_numpy(changed) - to_numpy(plain)
        scale = max(np.abs(to_numpy(plain)).max(), 1.0)
        np.testing.assert_allclose(difference, 5 * expected, atol=1e-5 * scale)
        moved |= bool(np.abs(difference).max() > 1e-2)
    assert moved


@pytest.mark.parametrize("config", ["spatio_temporal_conv_lstm", "spatio_temporal_st_lstm"])
def test_the_papers_loss_is_a_preset_and_the_programs_the_default(config):
    paper = build_loss(load_config(config, preset="smooth_flow").training.loss)
    assert (paper.weights, paper.mean) == ({"l1": 0.0, "l2": 2.0, "network": 1e-2}, False)
    program = build_loss(load_config(config).training.loss)
    assert (program.weights, program.mean) == ({"l1": 0.0, "l2": 2.0}, True)


@pytest.mark.parametrize("network", ["autoencoder", "prednet", "spatio_temporal"])
@pytest.mark.parametrize("cell", ["conv_lstm", "st_lstm"])
def test_the_rate_is_a_tenth_after_half_of_the_updates(network, cell):
    assert load_config(f"{network}_{cell}", preset="quick").training.schedule.kind == "constant"
    for preset in (None, "kth", "kitti", "ten_frames"):
        training = load_config(f"{network}_{cell}", preset=preset).training
        assert training.schedule.model_dump() == {
            "kind": "step",
            "factor": 0.1,
            "every": None,
            "at": (training.steps // 2,),
            "warmup_steps": 0,
        }
