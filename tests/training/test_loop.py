"""Our own loop does what `keras.Model.fit` does, bit for bit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import tiny
from tfvp.data.pipeline import TrainingBatches
from tfvp.data.prepare import prepare, training_source
from tfvp.profiling.step_cost import random_clips
from tfvp.training.checkpoints import state_of
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import Loop, build_trainer

UPDATES = 5


class Recorder(keras.callbacks.Callback):
    """Keeps every event, and the logs of updates; asks to stop after one of these."""

    def __init__(self, last: int):
        super().__init__()
        self.last, self.seen, self.events = last, [], []

    def on_train_begin(self, logs=None):
        self.events.append("training begins")

    def on_train_end(self, logs=None):
        self.events.append("training ends")

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch {epoch} begins")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(f"epoch {epoch} ends")

    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(f"update {batch} begins")

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(f"update {batch} ends")
        self.seen.append((batch, {name: float(value) for name, value in logs.items()}))
        self.model.stop_training = batch == self.last


def run(experiment, *, own: bool, last: int = UPDATES):
    """Logs, events of a second callback, and state after at most UPDATES updates."""
    config = experiment.training
    source = training_source(experiment.data, prepare(experiment.data, report=print), report=print)
    batches = TrainingBatches(
        source, batch=config.global_batch, seed=config.seed, sampling=lambda step: [0.5] * 2
    ).as_dataset()
    trainer = build_trainer(experiment, Devices(experiment))
    recorder, second = Recorder(last), Recorder(last)
    Loop(trainer, config, own=own).run(batches, UPDATES, recorder, second)
    state = state_of(0, trainer.predictor, trainer.average, trainer.optimizer)
    return recorder.seen, second.events, state


@pytest.mark.parametrize("last", [UPDATES, 2])
def test_own_loop_equals_fit_bit_for_bit(tmp_path, last):
    experiment = tiny.dense(tmp_path, "training.micro_batch=2", "training.clip.kind=global_norm")
    (fit_logs, fit_events, fit), (own_logs, own_events, own) = (
        run(experiment, own=own, last=last) for own in (False, True)
    )
    assert own_logs == fit_logs
    assert own_events == fit_events
    assert [number for number, _ in own_logs] == list(range(min(UPDATES, last + 1)))
    assert own.keys() == fit.keys()
    for name in fit:
        np.testing.assert_array_equal(own[name], fit[name], err_msg=name)


def test_what_is_done_to_a_weight_stays_one_function_for_each_shape(tmp_path):
    experiment = tiny.experiment(tmp_path, "training.optimizer={kind: adam_tf1}")
    trainer = build_trainer(experiment, Devices(experiment))
    clips = tf.nest.map_structure(tf.constant, random_clips(experiment, 2))
    update = tf.function(trainer.train_step, autograph=False).get_concrete_function(clips)
    shapes = {tuple(weight.shape) for weight in trainer.trainable_variables}
    functions = update.graph.as_graph_def().library.function
    by_weight = [each for each in functions if "by_the_equation" in each.signature.name]
    assert len(by_weight) == 2 * len(shapes) < len(trainer.trainable_variables)  # Adam, the average
    assert all(each.attr["_noinline"].b for each in by_weight)
