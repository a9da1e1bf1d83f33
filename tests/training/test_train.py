"""Training: one batch is learned, resuming is exact, replicas agree, damage is told."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tests import ROOT
from tests.helpers import tiny
from tfvp.config.loading import load_resolved
from tfvp.config.sampling import LinearSamplingConfig
from tfvp.errors import RunError, TrainingError, WeightsError
from tfvp.experiment.stages import run_stages
from tfvp.runs.provenance import read_provenance
from tfvp.training.checkpoints import Checkpoints, read_state
from tfvp.training.distributed.devices import Devices
from tfvp.training.early_stopping import Best
from tfvp.training.logging.tensorboard import NAMES
from tfvp.training.loop import Loop, build_trainer
from tfvp.training.losses import absolute_and_square
from tfvp.training.schedules import truth_probability


def test_loss_by_hand():
    truth = np.zeros((2, 1, 2, 2, 1), "float32")
    l1, l2 = absolute_and_square(truth, truth + 0.5)
    assert (float(l1), float(l2)) == (4.0, 1.0)


def test_truth_probability_by_hand():
    sampling = LinearSamplingConfig(start=1.0, decay_per_step=0.25, stop_step=3)
    assert [truth_probability(s, sampling) for s in (1, 2, 3, 4)] == [0.75, 0.5, 0.0, 0.0]
    slow = LinearSamplingConfig(start=0.5, decay_per_step=0.25, stop_step=9)
    assert [truth_probability(s, slow) for s in (1, 2, 3)] == [0.25, 0.0, 0.0]
    assert truth_probability(1, None) == 0.0


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of all six steps."""
    folder = tmp_path_factory.mktemp("straight")
    job = tiny.job(tiny.experiment(folder))
    run_stages(job, ("prepare", "train"))
    return folder, job


def test_the_console_says_what_a_step_did_and_how_training_ended(straight):
    _, job = straight
    said = job.console.export_text(clear=False)
    last = next(line for line in said.splitlines() if line.startswith("training: 6/6"))
    assert re.fullmatch(
        r"training: 6/6 loss [\d.]+ \(l1 [\d.]+, l2 [\d.]+\), rate 0\.001, truth 0, "
        r"[\d.]+ clips/s",
        last,
    )
    validations = [line for line in said.splitlines() if "validation mse" in line]
    assert re.fullmatch(r"step 3: validation mse [\d.]+, the best so far", validations[0])
    best = json.loads((job.run.checkpoints / "best.json").read_text())
    path = job.run.checkpoints / f"step-{best['step']:08d}.npz"
    assert validations[-1] == (
        f"trained 6 steps; the best checkpoint is of step {best['step']}, validation mse "
        f"{best['value']:.4g}: {path}"
    )


def test_tensorboard_shows_pictures_of_each_validation(straight):
    _, job = straight
    shown: dict[str, list[int]] = {}
    for path in (job.run.tensorboard / "validation").glob(NAMES):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "images":
                    width, height, png = value.tensor.string_val
                    assert Image.open(io.BytesIO(png)).size == (int(width), int(height))
                    shown.setdefault(value.tag, []).append(event.step)
    tags = ("by_frame/mse", *(f"filmstrips/clip_{number}" for number in range(3)))
    assert shown == {tag: [3, 6] for tag in tags}


def test_tensorboard_shows_the_configuration_and_a_row_of_hyperparameters(straight):
    """In one file above those of the numbers, whose folders HParams takes for the run's metrics."""
    _, job = straight
    (path,) = job.run.tensorboard.glob(NAMES)
    values = [v for e in EventFileLoader(str(path)).Load() for v in e.summary.value]
    by_plugin = {v.metadata.plugin_data.plugin_name: v for v in values}
    assert by_plugin.keys() == {"hparams", "text"}
    (text,) = by_plugin["text"].tensor.string_val
    shown = "\n".join(line.removeprefix("    ") for line in text.decode().splitlines())
    assert shown == job.run.config_path.read_text("utf-8").rstrip("\n")
    content = by_plugin["hparams"].metadata.plugin_data.content
    (start,) = [f[1] for f in HParamsPluginData.FromString(content).ListFields() if f[0].number > 1]
    assert (
        start.hparams["training.global_batch"].number_value == job.experiment.training.global_batch
    )
    assert start.hparams["model.network"].string_value == job.experiment.model.network
    assert start.hparams["training.xla"].bool_value is False


@pytest.mark.slow
def test_a_run_resumed_after_damage_equals_the_straight_one(straight, tmp_path):
    folder, job = straight
    first = tiny.job(tiny.experiment(folder, name="resumed"))
    checkpoints = Checkpoints(first.run.checkpoints)
    run_stages(first, ("train",))
    # As after a crash in step 5: the newest checkpoint is damaged, and nothing after step 4 counts.
    newest = checkpoints.path(6)
    newest.write_bytes(newest.read_bytes()[:-2000])
    again = tiny.job(first.experiment, resume=True)
    run_stages(again, ("train",))
    said = again.console.export_text()
    assert "step-00000006.npz is damaged" in said
    assert "resuming after step 4 of 6" in said
    ours, theirs = (read_state(Checkpoints(j.run.checkpoints).path(6)) for j in (again, job))
    assert ours.keys() == theirs.keys()
    parts = {"step", "best", "weights", "average", "optimizer"}
    assert {name.split("/")[0] for name in ours} == parts
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for log in ("train_log", "validation_log"):
        assert getattr(again.run, log).read_bytes() == getattr(job.run, log).read_bytes()


def test_a_run_holds_its_checkpoints_logs_and_best(straight):
    _, job = straight
    checkpoints = Checkpoints(job.run.checkpoints)
    assert checkpoints.steps()[-1] == 6
    assert checkpoints.best["step"] in (3, 6)
    rows = job.run.train_log.read_text().splitlines()
    assert rows[0] == "step,loss,l1,l2,learning_rate,truth_probability"
    assert [row.split(",")[-1] for row in rows[1:]] == ["0.9", "0.8", "0.7", "0.6", "0.0", "0.0"]
    assert list(job.run.tensorboard.glob("*/events*"))
    said = job.console.export_text()
    assert "micro-batches of 2" in said
    assert "GB" in said


def test_training_into_an_existing_run_is_refused_untouched(straight):
    _, job = straight
    before = sorted(job.run.root.rglob("*"))
    with pytest.raises(RunError, match=r"--resume.*--name"):
        run_stages(tiny.job(job.experiment), ("prepare", "train"))
    assert sorted(job.run.root.rglob("*")) == before


def test_another_experiment_does_not_resume_and_names_the_keys(straight):
    folder, _ = straight
    other = tiny.job(tiny.experiment(folder, "training.loss.l1=0.5"), resume=True)
    with pytest.raises(RunError, match=r"training\.loss\.l1 \(1\.0 in the run, now 0\.5\)"):
        run_stages(other, ("train",))


@pytest.mark.slow
def test_force_goes_on_with_changed_settings_and_records_them(tmp_path):
    job = tiny.job(tiny.experiment(tmp_path, "training.steps=2", "training.validate_every=2"))
    run_stages(job, ("prepare", "train"))
    changes = (
        "training.steps=3",
        "training.validate_every=2",
        "training.loss.l1=0.5",
        "training.optimizer.learning_rate=0.004",
    )
    forced = tiny.job(tiny.experiment(tmp_path, *changes), resume=True, force=True)
    run_stages(forced, ("train",))
    said = forced.console.export_text()
    assert "changed by --force: training.loss.l1 was 1.0 and is 0.5 from now on" in said
    rows = [row.split(",") for row in job.run.train_log.read_text().splitlines()[1:]]
    rates = [float(row[4]) for row in rows]
    assert rates == pytest.approx([0.001, 0.001, 0.004])  # not the checkpoint's
    loss, l1, l2 = map(float, rows[2][1:4])
    assert loss == pytest.approx(0.5 * l1 + l2)
    (noted,) = read_provenance(job.run)["resumed"].values()
    assert noted["changed"] == {
        "training.loss.l1": [1.0, 0.5],
        "training.optimizer.learning_rate": [0.001, 0.004],
        "training.steps": [2, 3],
    }
    assert load_resolved(job.run.config_path) == forced.experiment  # what later stages go by


@pytest.mark.slow
def test_one_batch_is_learned(tmp_path):
    two_layers = ("model.hidden=[4, 4]", "model.wiring=residual")
    experiment = tiny.experiment(tmp_path, *two_layers, "training.optimizer.learning_rate=0.01")
    trainer = build_trainer(experiment, Devices(experiment))
    batch = {"frames": tf.constant(tiny.moving_squares()), "teacher_forcing_mask": tf.zeros((4, 2))}
    step = tf.function(trainer.train_step, autograph=False)
    losses = [float(step(batch)["loss"]) for _ in range(80)]
    assert losses[-1] < 0.4 * losses[0]


def test_a_loss_that_is_not_finite_stops_with_the_way_out(tmp_path):
    experiment = tiny.experiment(tmp_path, "training.optimizer.learning_rate=1e30", name="boom")
    with pytest.raises(TrainingError, match=r"step \d: the loss is not finite .*learning_rate"):
        run_stages(tiny.job(experiment), ("prepare", "train"))


OUT_OF_MEMORY = {
    "tensorflow": tf.errors.ResourceExhaustedError(
        None, None, "Graph execution error:\nOOM when allocating tensor with shape[2,9]\nmore"
    ),
    "jax": RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes."),
}


@pytest.mark.parametrize("backend", OUT_OF_MEMORY)
def test_running_out_of_memory_names_the_settings_that_help(tmp_path, monkeypatch, backend):
    experiment = tiny.experiment(tmp_path, "training.micro_batch=2")
    trainer = build_trainer(experiment, Devices(experiment))

    def full(*_, **__):
        raise OUT_OF_MEMORY[backend]

    monkeypatch.setattr(trainer, "fit", full)
    with pytest.raises(TrainingError) as caught:
        Loop(trainer, experiment.training).run([], 2, tf.keras.callbacks.Callback())
    said = str(caught.value)
    assert said.count("\n") == 0
    assert "training.global_batch 4 in micro-batches of 2 (O" in said or "of 2 (RES" in said
    for setting in ("training.micro_batch=1", "training.global_batch=2", "model.hidden"):
        assert setting in said


@pytest.mark.slow
def test_four_replicas_equal_one(tmp_path):
    processes = {
        replicas: subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.helpers.four_replicas",
                tmp_path / replicas,
                replicas,
                tmp_path / f"{replicas}.npz",
            ],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for replicas in ("1", "4")
    }
    for process in processes.values():
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-2000:]
    one, four = (np.load(tmp_path / f"{n}.npz", allow_pickle=False) for n in ("1", "4"))
    assert set(one.files) == set(four.files)
    for name in one.files:
        np.testing.assert_allclose(four[name], one[name], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_a_batch_that_devices_cannot_share_is_explained():
    whole = tiny.experiment(Path())
    training = whole.training.model_copy(update={"global_batch": 6, "micro_batch": 4})
    with pytest.raises(Exception, match="micro_batch: 4 must divide the 6 clips"):
        Devices(whole.model_copy(update={"training": training}))


def test_a_frozen_decoder_does_not_move(tmp_path):
    for frozen in ("false", "true"):
        experiment = tiny.experiment(tmp_path, f"training.freeze_decoder={frozen}")
        trainer = build_trainer(experiment, Devices(experiment))
        before = [np.array(w) for w in trainer.predictor.core.decoder.weights]
        frames = np.random.default_rng(0).random((4, 6, 12, 16, 1)).astype("float32")
        trainer.train_step(
            {"frames": tf.constant(frames), "teacher_forcing_mask": tf.zeros((4, 2))}
        )
        after = trainer.predictor.core.decoder.weights
        moved = [not np.array_equal(a, b) for a, b in zip(after, before, strict=True)]
        assert moved == [frozen == "false"] * 2


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(1, {"step": np.asarray(1)})

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(RunError, match=r"No space left.*last good checkpoint is .*step-00000001"):
        checkpoints.save(2, {"step": np.asarray(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.npz"]


def test_only_the_newest_and_the_best_checkpoints_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    (tmp_path / "notes.npz").write_bytes(b"a user's own file")
    for step in range(1, 6):
        state = Best(2, 1.0, "mse", 1.0, 0).state() if step >= 2 else {}
        checkpoints.save(step, {"step": np.asarray(step), **state})
    assert checkpoints.steps() == [2, 4, 5]
    assert (tmp_path / "notes.npz").exists()
    with pytest.raises(WeightsError, match="no such checkpoint"):
        checkpoints.load(1)
