"""Every kind of network, loss and optimizer trains: tiny whole runs, one batch learned."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import tiny
from tfvp.data.pipeline import to_float
from tfvp.experiment.stages import run_stages
from tfvp.inference.predictor import trained_network
from tfvp.reporting.figures.training_curves import training_figure
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer

SMALL = {
    "conv_lstm_shi": ("model.hidden=[6, 4]", "training.optimizer.learning_rate=0.003"),
    "fc_lstm": (
        "model.hidden=[24]",
        "training.optimizer.clip=0.05",
        "training.optimizer.learning_rate=0.01",
    ),
    "simple_lstm": (
        "model.encoder=[24]",
        "model.decoder=[24]",
        "training.optimizer.learning_rate=0.03",
    ),
}


@pytest.mark.parametrize("config", SMALL)
def test_one_batch_is_learned(config, tmp_path):
    trainer_of = tiny.of(config, tmp_path, *SMALL[config])
    trainer = build_trainer(trainer_of, Devices(trainer_of))
    batch = {"frames": tf.constant(tiny.moving_squares()), "teacher_forcing_mask": tf.ones((4, 2))}
    step = tf.function(trainer.train_step, autograph=False)
    losses = [float(step(batch)["loss"]) for _ in range(25)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_whole_run_logs_and_draws_the_parts_and_the_shares_of_its_loss(tmp_path: Path):
    job = tiny.job(tiny.of("fc_lstm", tmp_path, *SMALL["fc_lstm"], "training.steps=2"))
    run_stages(job, ("prepare", "train"))
    with job.run.train_log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    shares = ["reconstruction", "future"]
    scheduled = ["learning_rate", "truth_probability"]
    assert list(rows[0]) == ["step", "loss", "cross_entropy", *shares, *scheduled]
    assert all(row["loss"] == row["cross_entropy"] for row in rows)
    with job.run.validation_log.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["step", "mse", "mse_reconstruction"]
    network, _ = trained_network(job.run, job.experiment)
    split = job.open_data().split("validation")
    clips = to_float(np.stack([split[i] for i in range(split.count)]))
    predicted, given = network.predict_frames(clips[:, :3], 3), network.reconstruct(clips[:, :3])
    for column, made, truth in (
        ("mse", predicted, clips[:, 3:]),
        ("mse_reconstruction", given, clips[:, :3]),
    ):
        by_hand = np.square(np.asarray(made) - truth).sum(axis=(2, 3, 4)).mean()
        assert float(row[column]) == pytest.approx(by_hand, rel=1e-4)
    figure = training_figure({"fc_lstm": job.run})
    assert figure is not None
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[1:3] == [
        "loss per sequence: share of the reconstructed context",
        "loss per sequence: share of the predicted future",
    ]
    assert {"validation mse", "validation mse reconstruction"} <= {*titles}
