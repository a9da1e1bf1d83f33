"""Reversed clips and reverse scheduled sampling: two updates a step, masks in the context."""

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.config.sampling import LinearSamplingConfig, ReverseSamplingConfig
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.models.rollout import rollout
from tfvp.training.checkpoints import Checkpoints, read_state
from tfvp.training.schedules import (
    context_truth_probability,
    scheduled,
    truth_probabilities,
    truth_probability,
)
from tfvp.training.session import TrainingSession
from tfvp.training.step_events import StepCallback, StepEvents

MNIST = ReverseSamplingConfig()  # of the authors' Moving MNIST script


@pytest.mark.parametrize(
    ("step", "context", "future"),
    [
        (1, 0.5, 0.5),
        (24_999, 0.5, 0.5),
        (25_000, 0.5, 0.5),
        (27_500, 1 - 0.5 * math.exp(-1), 0.45),
        (37_500, 1 - 0.5 * math.exp(-5), 0.25),
        (49_999, 1 - 0.5 * math.exp(-24_999 / 2_500), 0.5 - 0.5 * 24_999 / 25_000),
        (50_000, 1.0, 0.0),
        (80_000, 1.0, 0.0),
    ],
)
def test_the_two_probabilities_of_reverse_sampling_by_hand(step, context, future):
    assert context_truth_probability(step, MNIST) == pytest.approx(context)
    assert truth_probability(step, MNIST) == pytest.approx(future)


def test_every_frame_in_whose_place_a_prediction_may_be_fed():
    frames = {"context_frames": 10, "predict_frames": 10}
    reverse = truth_probabilities(37_500, MNIST, **frames)
    assert reverse == pytest.approx([1 - 0.5 * math.exp(-5)] * 9 + [0.25] * 9)
    assert truth_probabilities(1, LinearSamplingConfig(), **frames) == [1 - 2e-5] * 9
    assert truth_probabilities(1, None, **frames) == [0.0] * 9


def test_predictions_are_fed_in_the_context_too():
    """A step that adds 10 to what it reads: each output tells whether truth or prediction was."""
    frames = np.arange(1.0, 6.0, dtype="float32").reshape(1, 5, 1, 1, 1)  # frames 1 to 5 of 6
    mask = np.array([[0.0, 1.0, 0.0, 1.0]], "float32")  # of frames 2 to 5
    outputs = rollout(
        lambda frame, state: (frame + 10, state),
        (),
        frames,
        predict_frames=mask.shape[1] + 1,
        mask=mask,
    )
    # reads 1, its 11, 3, its 13, 5
    assert np.array(outputs).ravel().tolist() == [11.0, 21.0, 13.0, 23.0, 15.0]


@pytest.mark.parametrize("network", ["fc_lstm", "simple_lstm", "conv_lstm_shi"])
def test_a_network_that_predicts_nothing_in_the_context_refuses_reverse_sampling(network):
    with pytest.raises(ConfigError, match="reverse feeds predictions in the context"):
        load_config(network, overrides=["training.scheduled_sampling.kind=reverse"])


def test_the_authors_settings_are_in_the_configs():
    assert load_config("predrnn_decoupled").training.scheduled_sampling == MNIST
    for name in ("predrnn", "predrnn_pp", "predrnn_decoupled"):
        assert load_config(name).training.reverse_input


# --- in a run ---

CHANGES = (
    "model.hidden=[3]",
    "model.cell.kernel=3",
    "training.steps=4",
    "training.checkpoint_every=2",
    "training.validate_every=4",
    "training.optimizer.learning_rate=0.01",
    "training.scheduled_sampling.first_step=1",
    "training.scheduled_sampling.last_step=4",
)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Four steps of the tiny PredRNN-V2; the run and its last checkpoint."""
    folder = tmp_path_factory.mktemp("reverse")
    job = tiny.job(tiny.of("predrnn_decoupled", folder, *CHANGES, name="v2"))
    run_stages(job, ("prepare", "train"))
    return job, read_state(Checkpoints(job.run.checkpoints).path(4))


def test_a_step_makes_two_updates_and_schedules_count_steps(straight):
    job, state = straight
    assert int(state["optimizer/optimizer/iteration"]) == 8
    with job.run.train_log.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    for name in ("truth_probability", "context_truth_probability"):
        expected = [scheduled(step, job.experiment.training)[name] for step in range(1, 5)]
        assert [float(row[name]) for row in rows] == pytest.approx(expected)
    assert float(rows[-1]["context_truth_probability"]) == 1.0
    assert "each: about" in job.console.export_text(clear=False)
    assert "for 8, plus validation" in job.console.export_text(clear=False)


def test_a_run_with_two_updates_a_step_resumes_exactly(straight):
    job, _ = straight
    tiny.assert_resumes_exactly(job, job.run.train_log, (4,))


def test_the_loss_of_a_step_is_the_mean_of_its_updates():
    seen = []

    class Noted(StepCallback):
        def on_step_begin(self, step):
            seen.append(step)

        def on_update_end(self, step, logs):
            seen.append((step, logs["loss"]))

        def on_step_end(self, step, logs):
            seen.append((step, logs))

    session = TrainingSession(load_config("predrnn").training, *[None] * 4, start_step=7)
    events = StepEvents(session, [Noted(session)])
    events.set_model(SimpleNamespace(stop_training=False))
    for update in range(4):
        events.on_train_batch_begin(update)
        events.on_train_batch_end(update, {"loss": tf.constant(float(update))})
    assert seen[:4] == [8, (8, 0.0), (8, 1.0), (8, {"loss": 0.5})]
    assert seen[4:] == [9, (9, 2.0), (9, 3.0), (9, {"loss": 2.5})]


def test_an_end_that_is_asked_for_between_two_updates_comes_after_the_step():
    model, seen = SimpleNamespace(stop_training=False), []

    class Noted(StepCallback):
        def on_step_end(self, step, logs):
            seen.append((step, self.is_last(step)))

    session = TrainingSession(load_config("predrnn").training, *[None] * 4)
    events = StepEvents(session, [Noted(session)])
    events.set_model(model)
    for update in range(3):
        model.stop_training = update == 2  # the first of step 2; later it is not asked for again
        events.on_train_batch_end(update, {"loss": 0.0})
        assert not model.stop_training
    model.stop_training = False
    events.on_train_batch_end(3, {"loss": 0.0})
    assert (seen, model.stop_training) == ([(1, False), (2, True)], True)


STOPS = """
import keras

class InStepTwo(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 2
"""


@pytest.mark.slow
def test_a_callback_that_stops_between_two_updates_leaves_a_whole_step(
    straight, tmp_path, monkeypatch
):
    whole = read_state(Checkpoints(straight[0].run.checkpoints).path(2))
    (tmp_path / "stops.py").write_text(STOPS)
    monkeypatch.syspath_prepend(tmp_path)
    named = "training.callbacks=[stops:InStepTwo]"
    job = tiny.job(tiny.of("predrnn_decoupled", tmp_path, *CHANGES, named, name="ends"))
    run_stages(job, ("prepare", "train"))
    checkpoints = Checkpoints(job.run.checkpoints)
    assert checkpoints.steps() == [2]
    state = read_state(checkpoints.path(2))
    assert int(state["optimizer/optimizer/iteration"]) == 4
    for name in (name for name in whole if name.startswith("weights/")):
        np.testing.assert_array_equal(state[name], whole[name], err_msg=name)
    assert "stopped after step 2 of 4" in job.console.export_text()
    assert len(job.run.train_log.read_text().splitlines()) == 3
