"""FRNN against its authors' program: both sweeps, losses and updates of its optimizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from tests.helpers.goldens_table import errors, load, relative_error, tolerance
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError
from tfvp.layers.bijective import BijectiveConv, ScaledOrthogonal
from tfvp.models.build import build_model, count_parameters
from tfvp.models.frnn.config import FRNNConfig
from tfvp.models.frnn.network import FRNN
from tfvp.models.rollout import read_frames
from tfvp.training.losses import build_loss
from tfvp.training.optimizers import build_optimizer
from tfvp.training.trainer import Trainer


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def golden():
    return load("frnn")


@pytest.mark.parametrize("preset", [None, "kth"])
def test_parameters_are_as_many_as_published(preset):
    experiment = load_config("frnn", preset=preset)
    assert count_parameters(experiment) == 105_707_617
    assert sum(experiment.model.hidden[2:]) == 2_304  # states before the first frame


def test_predictions_and_gradients_are_the_programs():
    forward, gradients = errors("frnn")
    assert gradients is not None
    assert forward < tolerance("frnn")[0]
    assert gradients < tolerance("frnn")[1]


def test_each_units_input_on_the_way_up_and_on_every_way_down(golden):
    core, frames = golden.predictor.core, golden.numbers["in/frames"]
    state = read_frames(core.encode, core.initial_state(2, frames.shape[2:]), frames[:, :4])
    for i, seen in enumerate(state.inputs):
        wanted = golden.numbers[f"mid/encoder_input_of_bgru_{i}"]
        assert relative_error(to_numpy(seen), wanted) < 1e-5, i
    for t in range(3):
        below = state.states[:-1]
        _, state = core.decode("future")(None, state)
        assert all(a is b for a, b in zip(below, state.states[:-1], strict=True))
        for i, seen in enumerate(state.inputs):
            wanted = golden.numbers[f"mid/refreshed_input_of_bgru_{i}_at_every_prediction"][t]
            assert relative_error(to_numpy(seen), wanted) < 1e-5, (t, i)


def test_three_updates_of_the_configuration_are_the_programs():
    golden, training = load("frnn"), load_config("frnn").training
    ours = Trainer(golden.predictor, horizon=3, loss=build_loss(training.loss), average_decay=0.99)
    ours.compile(optimizer=build_optimizer(training))
    ours.optimizer.build(ours.trainable_variables)
    frames = tf.constant(golden.numbers["in/frames"])
    batch = {"frames": frames, "teacher_forcing_mask": tf.zeros((2, 2))}
    losses = [float(ours.train_step(batch)["loss"]) for _ in range(3)]
    np.testing.assert_allclose(losses, golden.numbers["train/losses"][:3], rtol=1e-5)
    assert losses[0] == pytest.approx(float(golden.numbers["out/loss_l1"]), rel=1e-5)
    for key, pairs in golden.takers.items():
        for variable, take in pairs:
            error = relative_error(to_numpy(variable), take(golden.numbers[f"train/var/{key}"]))
            assert error < 1e-5, key


def test_a_convolution_leads_down_by_its_transpose():
    conv, rng = BijectiveConv(3, 5), np.random.default_rng(0)
    conv.build((None, 6, 7, 2))
    above = rng.normal(size=(1, 6, 7, 3)).astype("float32")
    x = tf.constant(rng.normal(size=(1, 6, 7, 2)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        up = keras.ops.conv(x, conv.kernel, padding="same")
    wanted = np.tanh(tape.gradient(up, x, output_gradients=above))
    np.testing.assert_allclose(to_numpy(conv.down(above)), wanted, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3, 4, 6), (1, 1, 3, 8)])
def test_kernels_start_orthonormal_with_one_deviation_in_every_column(shape):
    matrix = to_numpy(ScaledOrthogonal(seed=1)(shape)).reshape(-1, shape[-1])
    np.testing.assert_allclose(matrix.std(axis=0), 2 / np.sqrt(sum(matrix.shape)), rtol=1e-5)
    columns = matrix / np.linalg.norm(matrix, axis=0)
    if len(matrix) > shape[-1]:
        np.testing.assert_allclose(columns.T @ columns, np.eye(shape[-1]), atol=1e-5)
    assert not np.allclose(to_numpy(ScaledOrthogonal()(shape)), to_numpy(ScaledOrthogonal()(shape)))


def test_the_paper_removes_the_highest_layers():
    whole, fewer = FRNN((3, 4, 5, 6, 7), (3,) * 5), FRNN((3, 4, 5, 6), (3,) * 4)
    for core in (whole, fewer):
        core.build((None, 8, 8, 1))
    shared = [*fewer.decoder, *fewer.units]
    for layer, larger in zip(shared, [*whole.decoder, *whole.units], strict=False):
        layer.set_weights(larger.get_weights())
    frame = np.random.default_rng(0).random((1, 8, 8, 1)).astype("float32")
    states = [core.encode(frame, core.initial_state(1, (8, 8, 1)))[1] for core in (whole, fewer)]
    for ours, theirs in zip(states[1].states, states[0].states, strict=False):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValidationError, match=r"model\.kernels: expected 4 numbers"):
        FRNNConfig(hidden=(2, 3, 3, 3), kernels=(3, 3, 3))
    small = ["model.hidden=[2, 3, 3, 3]", "model.kernels=[3, 3, 3, 3]"]
    with pytest.raises(ConfigError, match=r"4 layers of model\.hidden halve the frame 1 times"):
        load_config("frnn", overrides=[*small, "data.frame_px=[63, 64]"])


def test_predictions_are_frames():
    small = ["model.hidden=[2, 3, 3, 3]", "model.kernels=[3, 3, 3, 3]", "data.frame_px=[8, 10]"]
    network = build_model(load_config("frnn", overrides=[*small, "data.digit_px=4"]))
    context = np.random.default_rng(0).random((1, 3, 8, 10, 1)).astype("float32")
    predicted = to_numpy(network.predict_frames(context, 4))
    assert predicted.shape == (1, 4, 8, 10, 1)
    assert 0 <= predicted.min() <= predicted.max() <= 1
