"""The spatio-temporal autoencoders of Patraucean et al. 2016 and of Feist 2021."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.cells.test_conv_lstm import by_gate
from tests.helpers import tiny
from tests.oracles import spatio_temporal as oracle
from tfvp.config.loading import load_config
from tfvp.models.build import build_model, count_parameters
from tfvp.models.spatio_temporal_autoencoder.network import SpatioTemporal
from tfvp.reporting.tables.published import load_published
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer
from tfvp.training.schedules import learning_rate

CONFIGS = {"spatio_temporal_patraucean": 1_035_067, "spatio_temporal_feist": 1_035_071}
SMALL = ("model.encoder=2", "model.hidden=3", "model.cell.kernel=[3,3]")
FRAMES = ("data.frame_px=[8,12]", "data.digit_px=6", "data.context_frames=2")


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def small(config, horizon=2, *more):
    changes = [*SMALL, *FRAMES, f"data.predict_frames={horizon}", "evaluation.clips=null", *more]
    return load_config(config, overrides=changes)


def moving(config, horizon=2):
    """A small network whose flow reaches beyond the limit at some places and not at others."""
    keras.utils.set_random_seed(0)
    network = build_model(small(config, horizon))
    rng = np.random.default_rng(0)
    for weight in network.weights:
        fan_in = np.prod(weight.shape[:-1])
        weight.assign(rng.normal(0.0, min(0.5, 1.5 / np.sqrt(fan_in)), weight.shape))
    core = network.core
    if core.flow_head == "scaled":
        core.flow_scale.assign([4.0, -3.0])
    else:
        core.flow_layers[-1].kernel.assign(rng.normal(0, 2, (1, 1, 2, 2)))
    return network


def weights_of(core):
    def pair(layer):
        return tuple(to_numpy(w).astype("float64") for w in (layer.kernel, layer.bias))

    convolved = core.flow_head == "convolved"
    last = pair(core.flow_layers[-1]) if convolved else to_numpy(core.flow_scale)
    return {
        "encoder": pair(core.encoder),
        "decoder": pair(core.decoder),
        "cell": by_gate(core.cell),
        "flow": [pair(layer) for layer in core.flow_layers[:2]],
        "last": (last[0][0, 0], last[1]) if convolved else last.astype("float64"),
    }


def rolled_out(core, frames, horizon):
    """Predictions of frames 1 …, and flows, of one clip that is given but for its last frames."""
    weights, context = weights_of(core), len(frames) - horizon
    h = c = np.zeros((4, 6, 3))
    predictions, flows = [], []
    for t in range(len(frames) - 1):
        frame = frames[t] if t < context else predictions[-1]
        predicted, flow, h, c = oracle.step(
            frame, h, c, weights, sigmoid_output=core.output_activation == "sigmoid"
        )
        predictions.append(predicted)
        flows.append(flow)
    return np.stack(predictions), np.stack(flows)


@pytest.mark.parametrize(("config", "count"), CONFIGS.items())
def test_counts_are_the_published_ones(config, count):
    assert count_parameters(load_config(config)) == count


@pytest.mark.parametrize("config", CONFIGS)
def test_closed_loop_equals_the_equations(config):
    network = moving(config)
    frames = np.random.default_rng(1).random((4, 8, 12, 1))
    wanted, flows = rolled_out(network.core, frames, 2)
    inside = np.abs(flows) < oracle.LIMIT
    assert inside.any()
    assert not inside.all()
    found = network.predict_frames(frames[None, :2].astype("float32"), 2)
    np.testing.assert_allclose(to_numpy(found)[0], wanted[-2:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS)
def test_the_loss_is_of_the_future_alone_with_its_flows(config, tmp_path):
    clips = np.random.default_rng(1).random((2, 4, 8, 12, 1))
    made = small(config, 2, "training.global_batch=2", f"data.prepared={tmp_path}")
    trainer = build_trainer(made, Devices(made))
    trainer.predictor.set_weights(moving(config).get_weights())
    batch = {
        "frames": tf.constant(clips.astype("float32")),
        "teacher_forcing_mask": tf.zeros((2, 1)),
    }
    found, _ = trainer.measure(batch)
    wanted = 0.0
    for clip in clips:
        predictions, flows = rolled_out(trainer.predictor.core, clip, 2)
        wanted += oracle.loss(clip[-2:], predictions[-2:], flows[-2:], weight=1e-2, delta=1e-3)
    assert float(found) == pytest.approx(wanted, rel=1e-5)
    assert np.abs(flows).max() > 0.1  # a penalty that shows
    assert made.training.loss.network == 1e-2


def test_every_new_key_changes_what_is_computed():
    frame = np.random.default_rng(0).random((1, 8, 12, 1)).astype("float32")

    def predicted(**changes):
        keras.utils.set_random_seed(1)
        core = SpatioTemporal(3, 4, {"kind": "conv_lstm"}, **changes)
        core.build((None, 8, 12, 1))
        return core, to_numpy(core(frame, core.initial_state(1, (8, 12, 1)))[0])

    plain, linear = predicted()
    squashed, sigmoid = predicted(output="sigmoid")
    np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-linear)), atol=1e-6)
    scaled, _ = predicted(flow_head="scaled")
    np.testing.assert_allclose(to_numpy(scaled.flow_scale), [2 / 4, 2 / 6])
    assert len(scaled.flow_layers) == len(plain.flow_layers) - 1
    nothing = np.ones((1, 4, 6, 4), "float32")
    assert not to_numpy(plain.flow(nothing)).any()  # begins with no motion
    assert to_numpy(scaled.flow(nothing)).any()
    assert squashed.get_config()["output"] == "sigmoid"
    assert scaled.get_config()["flow_head"] == "scaled"


def test_weights_begin_as_each_program_begins_them():
    cells = {}
    for config in CONFIGS:
        keras.utils.set_random_seed(0)
        core = build_model(load_config(config)).core
        cells[config] = to_numpy(core.cell.kernel), to_numpy(core.cell.recurrent_kernel)
        others = [*core.flow_layers, core.decoder, core.encoder, core.cell]
        assert not any(to_numpy(layer.bias).any() for layer in others)
        kernel = to_numpy(core.encoder.kernel)
        std = np.sqrt(2 / (49 * 1 + 49 * 16))
        assert kernel.std() == pytest.approx(std, rel=0.1)
        assert np.abs(kernel).max() <= np.sqrt(3) * std
    for kernel in cells["spatio_temporal_patraucean"]:
        assert 0.0799 < np.abs(kernel).max() <= 0.08
    glorot = np.sqrt(6 / (49 * 16 + 49 * 256))
    assert np.abs(cells["spatio_temporal_feist"][0]).max() == pytest.approx(glorot, rel=1e-2)


def test_training_is_as_specified():
    feist, patraucean = (load_config(f"spatio_temporal_{x}") for x in ("feist", "patraucean"))
    assert (feist.data.context_frames, feist.data.predict_frames) == (10, 10)
    assert feist.training.optimizer.variant == "tf1"
    assert feist.training.scheduled_sampling is None
    assert feist.evaluation.metrics[0] == "cross_entropy"
    data, training = patraucean.data, patraucean.training
    assert (data.context_frames, data.predict_frames, training.global_batch) == (19, 1, 1)
    assert training.optimizer.model_dump() == {
        "kind": "rmsprop",
        "variant": "torch",
        "learning_rate": 1e-4,
        "decay": 0.99,
        "epsilon": 1e-8,
    }
    assert training.clip.model_dump() == {"kind": "value", "value": 50.0}
    assert learning_rate(1_000_000, training) == 1e-4
    assert learning_rate(1_000_001, training) == 5e-5


def test_feists_rows_are_of_his_network():
    tables = {table.id: table for table in load_published().tables}
    rows = [row for id, table in tables.items() if id.startswith("feist") for row in table.rows]
    named = {row.ours for row in rows} | {each for row in rows for each in row.pair or ()}
    assert "spatio_temporal_feist" in named
    assert not named & {"spatio_temporal_conv_lstm", "spatio_temporal_st_lstm"}


@pytest.mark.slow
def test_a_training_step_learns_what_moves(tmp_path):
    """Squares that go to the right: Feist's network takes 20 updates and gets better."""
    made = tiny.of(
        "spatio_temporal_feist",
        tmp_path,
        *SMALL,
        "training.optimizer.learning_rate=1e-2",
        "evaluation.clips=null",
    )
    trainer = build_trainer(made, Devices(made))
    batch = {
        "frames": tf.constant(tiny.moving_squares()),
        "teacher_forcing_mask": tf.zeros((4, 2)),
    }
    losses = [float(trainer.train_step(batch)["loss"]) for _ in range(20)]
    assert losses[-1] < 0.8 * losses[0]
