"""The command line from a configuration to an exported model, and what it says when it cannot."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfvp
from tests import ROOT
from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.errors import RunError
from tfvp.evaluation.schema import read_metrics
from tfvp.export.saved_model import export_saved_model
from tfvp.porting.safetensors import read_safetensors
from tfvp.presets.folder import Preset


def arguments(folder: Path, *more: str, config="e3d_residual", name="tiny") -> list[str]:
    """The tiny experiment as a user would type it."""
    changes = (
        *tiny.CHANGES,
        f"results={folder / 'results'}",
        f"data.prepared={folder / 'data'}",
    )
    sets = [word for change in changes for word in ("--set", change)]
    return ["run", "--config", config, "--name", name, *sets, *more]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run of all stages."""
    folder = tmp_path_factory.mktemp("finished")
    assert main(arguments(folder)) == 0
    return folder


def test_a_run_leaves_everything(finished):
    run = finished / "results" / "tiny"
    for name in (
        "config.yaml",
        "provenance.json",
        "checkpoints/best.json",
        "logs/train.csv",
        "logs/validation.csv",
        "metrics.json",
        "per_frame.csv",
        "per_sequence.csv",
        "report.md",
        "samples/samples.json",
        "figures/per_frame_mse.png",
        "figures/training.png",
        "export/saved_model/saved_model.pb",
        "export/network.keras",
    ):
        assert (run / name).is_file(), name
    assert list((run / "samples").glob("*.gif"))
    assert list((run / "logs" / "tensorboard").rglob("events*"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics["results"]) == {"model", "copy_last_frame", "black_frame", "context_mean"}
    assert metrics["protocol"]["sequences"] == 6
    assert not [path for path in run.rglob(".*")], "nothing half-written"
    report = (run / "report.md").read_text()
    assert "E3D-LSTM with Residuals" in report
    assert "TABLE 4.1" in report.upper()
    assert "TABLE 4.2" not in report.upper()  # KTH: the run was not measured on it


def test_the_exported_model_runs_alone_at_any_length(finished):
    run = finished / "results" / "tiny"
    predictor = tfvp.Predictor.load(run)
    served = tf.saved_model.load(str(run / "export" / "saved_model")).signatures
    rng = np.random.default_rng(0)
    for batch, length in ((1, 3), (3, 5)):
        levels = rng.integers(0, 256, (batch, length, 12, 16, 1), dtype=np.uint8)
        frames = levels.astype(np.float32) / 255
        answer = served["serving_default"](tf.constant(frames))["predictions"].numpy()
        assert answer.shape == (batch, 3, 12, 16, 1)
        np.testing.assert_allclose(np.clip(answer, 0, 1), predictor(frames), atol=1e-5)
        as_bytes = served["serving_uint8"](tf.constant(levels))["predictions"].numpy()
        assert as_bytes.dtype == np.uint8
        assert np.abs(as_bytes.astype(int) - predictor(levels).astype(int)).max() <= 1


def test_a_run_becomes_a_preset_with_its_numbers_and_examples(finished, tmp_path, capsys):
    run, folder = str(finished / "results" / "tiny"), tmp_path / "squares"
    words = ["export", "--run", run, "--format"]
    assert main([*words, "preset", "--output", str(folder)]) == 0
    assert "without numbers" not in capsys.readouterr().out
    measured = tfvp.Predictor.from_preset(folder).measured
    assert measured.metrics == read_metrics(Path(run) / "metrics.json")
    assert measured.example.frames.shape == (2, 6, 12, 16, 1)
    assert "| copy last frame |" in (folder / "README.md").read_text("utf-8")
    assert main([*words, "safetensors"]) == 0
    weights = read_safetensors(Path(run) / "export" / "model.safetensors")
    assert weights.keys() == Preset(folder).weights().keys()
    assert main([*words, "safetensors", "--output", "x"]) == 2
    assert "--output: goes with --format preset" in capsys.readouterr().err


@pytest.mark.slow
def test_an_export_that_differs_is_not_left_behind(finished, tmp_path, monkeypatch):
    predictor = tfvp.Predictor.load(finished / "results" / "tiny").predictor
    right = type(predictor).predict_frames

    def wrong_when_eager(self, context, horizon):
        return right(self, context, horizon) + (0.01 if tf.executing_eagerly() else 0.0)

    monkeypatch.setattr(type(predictor), "predict_frames", wrong_when_eager)
    with pytest.raises(RunError, match=r"differs from the network by \S+, more than 1e-05"):
        export_saved_model(predictor, 2, tmp_path / "export" / "saved_model")
    assert list((tmp_path / "export").iterdir()) == []


def test_predictor_from_python(finished):
    predictor = tfvp.Predictor.load(finished / "results" / "tiny")
    frames = np.random.default_rng(0).random((4, 12, 16, 1)).astype("float32")
    future = predictor(frames, 5)
    assert future.shape == (5, 12, 16, 1)
    assert 0 <= future.min() <= future.max() <= 1
    np.testing.assert_allclose(predictor(frames[None], 5)[0], future, atol=1e-6)
    with pytest.raises(ValueError, match=r"floats in \[0, 1\], got \[0, 255\]"):
        predictor(np.array([0.0, 255.0]).repeat(96).reshape(1, 12, 16, 1))
    with pytest.raises(ValueError, match=r"\(B, T, 12, 16, 1\) .* got \(4, 12, 12, 1\)"):
        predictor(frames[:, :, :12])
    with pytest.raises(ValueError, match="at least 1"):
        predictor(frames, 0)


def test_later_stages_work_on_the_run_and_replace_only_their_own(finished, capsys):
    run = finished / "results" / "tiny"
    kept = {path: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    kept[run / "metrics.json"] = (run / "metrics.json").read_bytes()
    more = ("--stages", "evaluate,report", "--set", "evaluation.metrics=[mse, psnr_float]")
    assert main(arguments(finished, *more)) == 0
    beside = run / "evaluations" / "metrics-mse-psnr_float" / "metrics.json"
    assert set(json.loads(beside.read_text())["metrics"]) == {"mse", "psnr_float"}
    assert {path: path.read_bytes() for path in kept} == kept
    assert "Copy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ((), 1, "exists and is never overwritten"),
        (("--set", "training.step=5"), 2, "did you mean training.steps"),
        (("--set", "model.patch_px=5"), 2, "must divide the frame"),
        (("--name", "none-yet", "--stages", "evaluate"), 1, "does not exist"),
        (("--name", "other", "--init-from", "nowhere"), 1, "nowhere: does not exist"),
        (("--name", "other", "--init-optimizer"), 2, "--init-from"),
        (("--name", "other", "--force"), 2, "--force goes with --resume"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(finished, capsys, more, code, message):
    assert main(arguments(finished, *more)) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert not (finished / "results" / "other").exists()


@pytest.mark.slow
def test_a_fine_tuning_config_wants_weights_and_takes_them(finished, capsys):
    arguments_ = arguments(finished, config="e3d_residual_finetune", name="finetuned")
    assert main(arguments_) == 2
    assert "fine-tunes: give it weights with --init-from" in capsys.readouterr().err
    source = str(finished / "results" / "tiny")
    again = [*arguments_, "--init-from", source, "--stages", "train", "--set", "training.steps=1"]
    assert main([*again, "--set", "training.validate_every=1"]) == 0
    assert f"starting from weights and optimizer state from {source}" in capsys.readouterr().out


def test_a_run_is_not_evaluated_on_other_data(finished, capsys):
    run = finished / "results" / "tiny"
    provenance = (run / "provenance.json").read_text()
    data_hash = json.loads(provenance)["data_hash"]
    try:
        (run / "provenance.json").write_text(provenance.replace(data_hash, "0123456789ab"))
        assert main(arguments(finished, "--stages", "evaluate")) == 1
    finally:
        (run / "provenance.json").write_text(provenance)
    assert "was trained on the data 0123456789ab" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluation_options_change_what_is_measured(finished):
    home = finished / "results" / "tiny" / "evaluations"
    seen = {}
    for option, name in (
        ("evaluation.weights=raw", "metrics-mse"),
        ("evaluation.weights=averaged", "metrics-mse-weights-averaged"),
        ("evaluation.checkpoint=last", "metrics-mse-checkpoint-last"),
        ("evaluation.sequences=4", "sequences-4-metrics-mse"),
    ):
        changes = ("--set", option, "--set", "evaluation.metrics=[mse]")
        assert main(arguments(finished, "--stages", "evaluate", *changes)) == 0
        metrics = json.loads((home / name / "metrics.json").read_text())
        result = metrics["results"]["model"]["mse"]
        seen[option] = (result["mean"], metrics["protocol"]["sequences"], metrics["facts"]["steps"])
    raw, averaged, last, fewer = seen.values()
    assert averaged[0] != raw[0]
    assert last[2] == 6
    assert fewer[1] == 4
    assert fewer[0] != raw[0]


def test_version_and_explain(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("tfvp ")
    assert main(["config", "--config", "e3d_residual", "--preset", "quick", "--explain"]) == 0
    out = capsys.readouterr().out
    assert any("model.wiring" in line and "residual" in line for line in out.splitlines())


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_a_run_to_resume(finished):
    command = [sys.executable, "run.py", *arguments(finished, name="interrupted")[1:]]
    command += ["--stages", "train", "--set", "training.steps=2000"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    log = finished / "results" / "interrupted" / "logs" / "train.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (log.is_file() and log.read_text().count("\n") > 3):
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    assert b"continue with the same command and --resume" in errors
    assert b"Traceback" not in errors
    last = int(log.read_text().splitlines()[-1].split(",")[0])
    checkpoint = finished / "results" / "interrupted" / "checkpoints" / f"step-{last:08d}.npz"
    assert checkpoint.is_file()


@pytest.mark.slow
def test_seeds_are_ordinary_runs_that_one_command_resumes(tmp_path, capsys):
    words = arguments(tmp_path, "--seeds", "3,4", "--stages", "prepare,train,evaluate")
    assert main(words) == 0
    results = tmp_path / "results"
    assert sorted(path.name for path in results.iterdir()) == ["tiny-seed3", "tiny-seed4"]
    alone = arguments(
        tmp_path, "--set", "training.seed=4", "--stages", "train,evaluate", name="alone"
    )
    assert main(alone) == 0
    found = [(results / name / "per_sequence.csv").read_text() for name in ("tiny-seed4", "alone")]
    assert found[0] == found[1], "the second run of a process is that of a process of its own"
    assert main(words) == 1  # nothing is overwritten, nor anything trained before that is known
    assert "tiny-seed3 exists" in capsys.readouterr().err
    (results / "tiny-seed4" / "metrics.json").unlink()
    assert main([*words, "--resume"]) == 0
    said = capsys.readouterr().out
    assert "tiny-seed3 is complete" in said
    assert (results / "tiny-seed4" / "metrics.json").is_file()


def test_seeds_are_refused_in_a_line(tmp_path, capsys):
    for seeds in ("1,1", "a", "-1", ""):
        with pytest.raises(SystemExit):
            main(arguments(tmp_path, "--seeds", seeds))
    assert "expected each number once" in capsys.readouterr().err
    assert main(arguments(tmp_path, "--seeds", "1,2", "--set", "training.seed=3")) == 2
    assert "leave out one" in capsys.readouterr().err
