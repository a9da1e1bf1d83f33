"""DFN against its authors' program: filters, losses and updates; its flow and its baseline."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter, ValidationError

from tests.helpers.goldens_table import errors, load, relative_error, tolerance
from tfvp.config.loading import load_config
from tfvp.config.losses import LossConfig
from tfvp.layers.local_filter import local_filter, offsets
from tfvp.models.build import build_model, count_parameters
from tfvp.models.dfn.config import DFNConfig
from tfvp.models.dfn.network import DFN
from tfvp.training.losses import build_loss
from tfvp.training.trainer import Trainer

GOLDENS = ("dfn", "dfn_bias_refinement")
SQUARED = {"l1": 0.0, "l2": 2.0, "reduction": "mean", "frames": "future"}


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize(
    ("preset", "expected"), [(None, 637_361), ("baseline", 637_443), ("kth", 637_361)]
)
def test_parameters_are_as_many_as_published(preset, expected):
    assert count_parameters(load_config("dfn", preset=preset)) == expected


@pytest.mark.parametrize("name", GOLDENS)
def test_predictions_and_gradients_are_the_programs(name):
    forward, gradients = errors(name)
    assert gradients is not None
    assert (forward < tolerance(name)[0], gradients < tolerance(name)[1]) == (True, True)


@pytest.mark.parametrize("name", GOLDENS)
def test_filters_of_the_step_that_reads_the_last_true_frame(name):
    golden = load(name)
    core, frames = golden.predictor.core, golden.numbers["in/frames"][..., None]
    state = core.initial_state(2, frames.shape[2:])
    context = frames.shape[1] - golden.numbers["out/predictions"].shape[1]
    for t in range(context - 1):
        _, state = core(frames[:, t], state)
    _, filters, _ = core._step(frames[:, context - 1], state)
    wanted = golden.numbers["mid/filters_of_first_prediction"]
    assert relative_error(to_numpy(filters), wanted) < 1e-5


@pytest.mark.parametrize("name", GOLDENS)
def test_three_updates_are_the_programs(name):
    golden = load(name)
    published = load_config("dfn").training.loss.model_dump()
    section = published if name == "dfn" else SQUARED
    loss = build_loss(TypeAdapter(LossConfig).validate_python(section))
    horizon = golden.numbers["out/predictions"].shape[1]
    ours = Trainer(golden.predictor, horizon=horizon, loss=loss, average_decay=0.99)
    ours.compile(optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8))
    ours.optimizer.build(ours.trainable_variables)
    frames = tf.constant(golden.numbers["in/frames"][..., None])
    batch = {"frames": frames, "teacher_forcing_mask": tf.zeros((2, horizon - 1))}
    losses = [float(ours.train_step(batch)["loss"]) for _ in range(3)]
    np.testing.assert_allclose(losses, golden.numbers["train/losses"][:3], rtol=1e-5)
    assert losses[0] == pytest.approx(float(golden.numbers["out/loss"]), rel=1e-5)
    for key, pairs in golden.takers.items():
        for variable, take in pairs:
            error = relative_error(to_numpy(variable), take(golden.numbers[f"train/var/{key}"]))
            assert error < 1e-4, key


def small(**options) -> DFN:
    core = DFN(2, 3, **options)
    core.build((None, 8, 6, 3))
    return core


def test_predictions_of_filters_alone_stay_in_the_range_of_frames():
    core, frame = small(), np.random.default_rng(0).random((2, 8, 6, 3)).astype("float32")
    predicted, _ = core(frame, 1000.0 * core.initial_state(2, (8, 6, 3)) + 50.0)
    assert 0 <= to_numpy(predicted).min()
    assert to_numpy(predicted).max() <= 1


def test_the_flow_is_where_the_filters_read():
    network = build_model(
        load_config("dfn", overrides=["model.width=2", "data.frame_px=[12, 16]", "data.digit_px=6"])
    )
    drawings = network.drawings()
    assert drawings is not None
    (filters,) = network.core.decoder
    filters.kernel.assign(0 * filters.kernel)
    filters.bias.assign(100.0 * np.eye(81)[offsets(9).index((-2, 3))])
    context = np.random.default_rng(0).random((3, 12, 16, 1), np.float32)
    prediction = to_numpy(network.predict_frames(context[None], 2))[0]
    np.testing.assert_allclose(prediction[0, 2:, :-3], context[-1, :-2, 3:], atol=1e-6)
    drawn = drawings(context, prediction)
    np.testing.assert_allclose(drawn["flow"], np.full((2, 12, 16, 2), (-2.0, 3.0)))


def test_the_bias_is_added_before_the_filter_and_to_every_channel():
    core, rng = small(dynamic_bias=True), np.random.default_rng(0)
    frame = rng.random((1, 8, 6, 3)).astype("float32")
    state = core.initial_state(1, (8, 6, 3))
    core.decoder[0].bias.assign([*np.zeros(9), 0.25])
    core.decoder[0].kernel.assign(0 * core.decoder[0].kernel)
    predicted, _ = core(frame, state)
    evenly = np.full((1, 8, 6, 9), 1 / 9, "float32")
    np.testing.assert_allclose(predicted, local_filter(frame + 0.25, evenly), atol=1e-6)


def test_the_baseline_has_no_flow_and_no_bias():
    assert not small(dynamic=False).has_flow
    with pytest.raises(ValidationError, match=r"without dynamic filters has no dynamic bias"):
        DFNConfig(dynamic=False, dynamic_bias=True)
    with pytest.raises(ValueError, match="H and W must be even, got 7x6"):
        DFN(2).build((None, 7, 6, 1))
