"""The loss of a network that reconstructs and predicts is logged for both apart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import tiny
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer
from tfvp.training.trainer import Trainer

SMALL = ("model.hidden=[8]", "data.train_source=records")
SHARES = {"reconstruction": slice(0, 3), "future": slice(3, None)}


def trainer_of(folder, *changes):
    experiment = tiny.of("fc_lstm_composite", folder, *SMALL, *changes)
    return build_trainer(experiment, Devices(experiment))


def batch():
    return {"frames": tf.constant(tiny.moving_squares()), "teacher_forcing_mask": tf.ones((4, 2))}


@pytest.mark.parametrize("changes", [(), ("training.micro_batch=2", "training.loss.reduction=sum")])
def test_the_shares_are_those_of_numpy_and_make_up_the_loss(tmp_path, changes):
    trainer = trainer_of(tmp_path, "training.loss.l1=0.5", *changes)
    outputs = trainer.predictor.training_outputs(batch(), 3)
    error = outputs.predictions.numpy().astype("float64") - outputs.targets.numpy()
    logs = {name: float(value) for name, value in trainer.train_step(batch()).items()}
    assert list(logs) == ["loss", "l1", "l2", "reconstruction", "future"]
    values = 4 if changes else error.size
    for name, half in SHARES.items():
        wanted = (0.5 * np.abs(error[:, half]) + np.square(error[:, half])).sum() / values
        assert logs[name] == pytest.approx(wanted, rel=1e-5)
    assert logs["reconstruction"] + logs["future"] == pytest.approx(logs["loss"], rel=1e-6)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_number_of_training_depends_on_what_is_logged(tmp_path, monkeypatch, compiled):
    def trained() -> tuple[list[np.ndarray], list[float]]:
        trainer = trainer_of(tmp_path)
        step = trainer.train_step
        step = tf.function(step, autograph=False) if compiled else step
        losses = [float(step(batch())["loss"]) for _ in range(2)]
        kept = [*trainer.trainable_variables, *trainer.average.averages]
        return [keras.ops.convert_to_numpy(each) for each in kept], losses

    weights, losses = trained()
    monkeypatch.setattr(Trainer, "told_apart", ())
    alone, same_losses = trained()
    assert losses == same_losses
    for one, other in zip(weights, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_counts_one_of_both_alone_has_no_shares(tmp_path):
    assert trainer_of(tmp_path, "training.loss.frames=future").logged == ("l1", "l2")
    assert trainer_of(tmp_path, "model.reconstruction=none").logged == ("l1", "l2")
