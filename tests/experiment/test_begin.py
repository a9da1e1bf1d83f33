"""Where training begins: what is known before the data are made, a kill before any checkpoint."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests import ROOT
from tests.helpers import tiny
from tests.training.test_resume import arguments, kill
from tfvp.cli.main import main
from tfvp.errors import DataError, RunError, TrainingError, WeightsError
from tfvp.experiment import stages
from tfvp.experiment.stages import run_stages
from tfvp.runs.folder import Run, open_run, trained_by_one
from tfvp.training.checkpoints import Checkpoints, assign, read_state


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    assert main(arguments(tmp_path, "straight", "--stages", "prepare,train")) == 0
    words = arguments(tmp_path, "killed", "--stages", "train")
    kill("after_log", 2, *words)
    straight, run = (Run(tmp_path / "results" / name) for name in ("straight", "killed"))
    assert not Checkpoints(run.checkpoints).steps()
    assert main([*words, "--resume"]) == 0
    ours, wanted = (read_state(Checkpoints(r.checkpoints).path(12)) for r in (run, straight))
    for name, value in wanted.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)
    assert run.train_log.read_text() == straight.train_log.read_text()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ("training.init.source={}/nowhere", WeightsError, "nowhere: does not exist"),
        ("training.init.source={}/other.npz", WeightsError, "not in the checkpoint"),
        ("results={}/other.npz", RunError, "is not a folder"),
    ],
)
def test_what_training_cannot_begin_with_is_said_before_the_data_are_made(
    tmp_path, change, error, said
):
    np.savez(tmp_path / "other.npz", step=0)
    job = tiny.job(tiny.experiment(tmp_path, change.format(tmp_path)))
    with pytest.raises(error, match=said):
        run_stages(job, ("prepare", "train"))
    assert sorted(os.listdir(tmp_path)) == ["other.npz"]


def test_a_split_that_a_later_stage_reads_is_missed_before_training(tmp_path, monkeypatch):
    monkeypatch.setitem(stages._SPLITS, "evaluate", ("holdout",))
    job = tiny.job(tiny.experiment(tmp_path))
    with pytest.raises(DataError, match="no split 'holdout', it has train, validation, test"):
        run_stages(job, ("prepare", "train", "evaluate"))
    assert not job.run.root.exists()


def test_a_name_that_is_too_long_is_said_before_the_data_are_made(tmp_path):
    job = tiny.job(tiny.experiment(tmp_path, name="n" * 201))
    with pytest.raises(RunError, match="the name is longer than 200 bytes"):
        run_stages(job, ("prepare", "train"))
    assert not os.listdir(tmp_path)


def test_a_run_that_ended_before_its_folder_was_made_is_begun_without_resume(tmp_path):
    """As after a kill while its data were prepared."""
    job = tiny.job(tiny.experiment(tmp_path), resume=True)
    with pytest.raises(RunError, match=r"nothing was trained yet .* leave out --resume to begin$"):
        run_stages(job, ("prepare", "train"))
    assert not os.listdir(tmp_path)


@pytest.mark.slow
def test_two_processes_never_train_one_run(tmp_path):
    job = tiny.job(tiny.experiment(tmp_path))
    run_stages(job, ("prepare", "train"))
    holder = (
        "import sys, time; from tfvp.runs.folder import Run, trained_by_one; from pathlib import "
        "Path; lock = trained_by_one(Run(Path(sys.argv[1]))); lock.__enter__(); "
        "print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holder, job.run.root]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="is being trained by another process"):
            run_stages(tiny.job(tiny.experiment(tmp_path), resume=True), ("train",))
        process.kill()
    with trained_by_one(job.run):  # a killed process leaves no lock behind
        pass


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    """Every loss is finite, but the update of the last step takes the weights beyond float32."""
    job = tiny.job(tiny.experiment(tmp_path, "training.optimizer.learning_rate=3e38"))
    with pytest.raises(TrainingError, match=r"not finite.*nothing was saved yet.*learning_rate"):
        run_stages(job, ("prepare", "train"))
    for step in Checkpoints(job.run.checkpoints).steps():
        state = read_state(Checkpoints(job.run.checkpoints).path(step))
        assert all(np.isfinite(value).all() for value in state.values()), step


def test_weights_that_are_not_finite_are_not_measured_either(tmp_path):
    """As above, where validation comes before the next loss."""
    changes = ("training.optimizer.learning_rate=3e38", "training.validate_every=1")
    job = tiny.job(tiny.dense(tmp_path, *changes))
    with pytest.raises(TrainingError, match=r"step 1: .*predictions are not finite.*learning_rate"):
        run_stages(job, ("prepare", "train"))
    assert not Checkpoints(job.run.checkpoints).steps()


@pytest.mark.parametrize("value", [np.full(2, np.nan), np.array([1.0, np.inf]), np.zeros(2, "c8")])
def test_weights_that_are_no_finite_real_numbers_are_not_taken(value):
    weight = keras.Variable(np.ones(2), name="w")
    with pytest.raises(WeightsError, match=r"w: expected finite real numbers, got (type c|NaN)"):
        assign({"w": weight}, {"w": value})
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), 1.0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"step": "2"}', '{"step": 2, "value": 1}'])
def test_a_damaged_record_of_the_best_is_one_line(tmp_path, text):
    np.savez(tmp_path / "step-00000002.npz", step=2)
    (tmp_path / "best.json").write_text(text)
    with pytest.raises(RunError, match=r"best.json: damaged .*remove it") as caught:
        _ = Checkpoints(tmp_path).best
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_changed_digit_in_a_runs_configuration_is_noticed(tmp_path):
    job = tiny.job(tiny.experiment(tmp_path))
    run_stages(job, ("prepare", "train"))
    written = job.run.config_path.read_text()
    job.run.config_path.write_text(written.replace("steps: 6", "steps: 7"))
    with pytest.raises(RunError, match=r"config.yaml was changed after the run was made.*restore"):
        open_run(job.run.root)
    job.run.config_path.write_text(written)
    forced = tiny.experiment(tmp_path, "training.steps=7")
    run_stages(tiny.job(forced, resume=True, force=True), ("train",))
    open_run(job.run.root)  # what --force changed is what was written
    provenance = json.loads(job.run.provenance_path.read_text())
    del provenance["config_sha256"]  # a run of an earlier version
    job.run.provenance_path.write_text(json.dumps(provenance))
    open_run(job.run.root)
