"""Every kind of network, loss and optimizer trains: tiny whole runs, one batch learned."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tfvp.config_files import load_config
from tfvp.stages import run_stages
from tfvp.training.devices import Devices
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


def experiment(config, folder, *changes):
    kept = [c for c in tiny.CHANGES if not c.startswith(("model.", "training.scheduled"))]
    homes = [f"results={folder / 'results'}", f"data.prepared={folder / 'data'}"]
    return load_config(config, overrides=[*kept, *homes, *SMALL[config], *changes], name="tiny")


def one_batch():
    rng = np.random.default_rng(0)
    square = np.zeros((4, 6, 12, 16, 1), "float32")
    for b in range(4):
        row, column = rng.integers(0, 6, 2)
        for t in range(6):
            square[b, t, row : row + 4, column + t : column + t + 4] = 1.0
    return {"frames": tf.constant(square), "use_truth": tf.ones((4, 2))}


@pytest.mark.parametrize("config", SMALL)
def test_one_batch_is_learned(config, tmp_path):
    trainer_of = experiment(config, tmp_path)
    trainer = build_trainer(trainer_of, Devices(trainer_of.training))
    batch, step = one_batch(), tf.function(trainer.train_step, autograph=False)
    losses = [float(step(batch)["loss"]) for _ in range(25)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_whole_run_logs_the_parts_of_its_loss(tmp_path: Path):
    job = tiny.job(experiment("conv_lstm_shi", tmp_path, "training.steps=2"))
    run_stages(job, ("prepare", "train"))
    with job.run.train_log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "loss", "cross_entropy", "learning_rate", "truth_probability"]
    assert all(row["loss"] == row["cross_entropy"] for row in rows)
