"""Reconstructions measured: frames and baselines, files, tables, what cannot be had."""

import json

import numpy as np
import pytest

from tests.helpers import tiny
from tests.reporting.test_published import our_rows, table_of
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.data.pipeline import to_float
from tfvp.evaluation.evaluate import evaluate
from tfvp.evaluation.per_sequence import read_sequences
from tfvp.evaluation.samples import read_arrays, read_samples
from tfvp.evaluation.schema import read_frames, read_metrics
from tfvp.experiment.stages import STAGES, run_stages
from tfvp.inference.predictor import trained_network


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A tiny autoencoder through all stages."""
    folder = tmp_path_factory.mktemp("reconstruct")
    changes = ("training.steps=2", "model.hidden=[8]", "data.train_source=records")
    made = tiny.job(tiny.of("fc_lstm_autoencoder_500", folder, *changes))
    run_stages(made, tuple(STAGES))
    return made


def test_the_context_is_compared_in_its_order_with_baselines_of_it():
    clips = np.random.default_rng(0).random((2, 5, 8, 8, 1)).astype("float32")
    seen = []

    def predict(given):
        seen.append(given.copy())
        return given * 0.5

    found = evaluate(
        predict,
        [clips],
        context_frames=3,
        predict_frames=2,
        metrics=["mse"],
        history="reconstructed",
    )
    context = clips[:, :3].astype(float)
    np.testing.assert_array_equal(seen[0], clips[:, :3])
    assert found.frame_numbers == range(1, 4)
    by_hand = {
        "model": context * 0.5,
        "copy_last_frame": context[:, -1:],
        "context_mean": context.mean(axis=1, keepdims=True),
        "black_frame": 0 * context,
    }
    for method, made in by_hand.items():
        wanted = np.square(context - made).sum(axis=(2, 3, 4))
        np.testing.assert_allclose(found.values[method]["mse"], wanted, rtol=1e-5, atol=1e-9)


def test_a_run_measures_and_draws_what_it_gives_back(job):
    run = job.run
    read = read_metrics(run.metrics_path)
    assert (read.protocol.history, read.protocol.first_frame) == ("reconstructed", 1)
    assert read.metadata.data.endswith("3 reconstructed")
    assert read.metadata.cost
    assert "reconstructing the context" in read.metadata.cost.macs_definition
    assert {row.frame for row in read_frames(run.per_frame_path)} == {1, 2, 3}
    sample = read_samples(run.samples)[0]
    frames, shown = read_arrays(run.samples, sample)
    clip = to_float(job.open_data().split("test")[sample.clip])[:3]
    np.testing.assert_allclose(frames / 255, clip, atol=1 / 255)
    network, _ = trained_network(run, job.experiment)
    given = np.asarray(network.reconstruct(clip[None]))[0]
    np.testing.assert_allclose(shown / 255, given, atol=1 / 255)
    by_hand = np.square(given - clip).sum(axis=(1, 2, 3))
    values = read_sequences(run.per_sequence_path).values["model"]["mse"]
    np.testing.assert_allclose(values[sample.clip], by_hand, rtol=1e-4)
    assert "all are given (gray)" in run.report_path.read_text("utf-8")
    assert (run.figures / "per_frame_mse.png").is_file()
    validated = [line.split(",") for line in run.validation_log.read_text().splitlines()]
    assert len(validated) == 2  # a head, and the one of the last step


def test_its_numbers_stand_in_the_table_of_reconstructions_alone(job):
    (row,) = our_rows(table_of("wang_1", job.run))
    mse = read_metrics(job.run.metrics_path).results["model"]["mse"].value
    cell = next(cell for cell in row.cells[1:] if cell.value is not None)
    assert cell.value == pytest.approx(mse / (12 * 16))
    assert not our_rows(table_of("wang_2", job.run))


def test_what_predicts_nothing_is_refused_in_a_line(job, tmp_path, capsys):
    root, video = str(job.run.root), tmp_path / "clip.npy"
    np.save(video, np.zeros((4, 12, 16, 1), np.uint8))
    said = "reconstructs its context and predicts no frames after it"
    for words in (
        ["predict", "--run", root, "--input", str(video), "--output", str(tmp_path / "a.gif")],
        ["export", "--run", root, "--format", "savedmodel"],
        ["export", "--run", root, "--format", "litert"],
        ["evaluate", "--run", root, "--suite", "robustness"],
    ):
        assert main(words) != 0
        error = capsys.readouterr().err
        assert said in error, words
        assert error.count("\n") == 1, words
    assert not (tmp_path / "a.gif").exists()
    assert main(["evaluate", "--run", root, "--steps", "2"]) != 0
    assert "--steps counts predicted frames" in capsys.readouterr().err
    assert [path.name for path in job.run.export.iterdir()] == ["network.keras"]


def test_a_composites_reconstruction_is_measured_beside_its_prediction(tmp_path, capsys):
    changes = ("training.steps=2", "model.hidden=[8]", "data.train_source=records")
    made = tiny.job(tiny.of("fc_lstm", tmp_path, *changes))
    run_stages(made, ("prepare", "train", "evaluate"))
    own, place = made.run.metrics_path.read_bytes(), made.run.evaluations / "reconstruction"

    def measured(*more: str) -> np.ndarray:
        words = ["evaluate", "--run", str(made.run.root), "--set", "evaluation.task=reconstruction"]
        assert main([*words, *more]) == 0, capsys.readouterr().err
        folder = place.with_name(f"{place.name}-past_reads-own") if more else place
        assert json.loads((folder / "metrics.json").read_text())["protocol"]["first_frame"] == 1
        return read_sequences(folder / "per_sequence.csv").values["model"]["mse"]

    truth, own_frames = measured(), measured("--set", "model.past_reads=own")
    # frame 3 comes first, before anything is read
    np.testing.assert_allclose(truth[:, 2], own_frames[:, 2], rtol=1e-5)
    assert (truth[:, :2] != own_frames[:, :2]).all()
    assert made.run.metrics_path.read_bytes() == own


def test_wangs_networks_train_as_that_document_does():
    autoencoder = load_config("fc_lstm_autoencoder_500").training
    assert (autoencoder.optimizer.kind, autoencoder.optimizer.learning_rate) == ("rmsprop", 1e-4)
    assert autoencoder.schedule.kind == "constant"
    names = ("composite", "composite_conditional", "future", "future_conditional")
    for config in (f"fc_lstm_{name}" for name in names):
        made = load_config(config)
        assert made.training == autoencoder
        assert made.evaluation.task == "prediction"
