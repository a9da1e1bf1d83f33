"""tfvp evaluate: on the run's own data, on other data, on the robustness suite; one step ahead."""

import json

import numpy as np
import pytest

from tests.evaluation.test_evaluate import CONTEXT, HORIZON, clips
from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.data.kth.config import KthData
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.prepare import prepare
from tfvp.errors import ConfigError
from tfvp.evaluation.evaluate import evaluate
from tfvp.evaluation.metrics import METRICS
from tfvp.evaluation.per_sequence import read_sequences
from tfvp.evaluation.samples import read_samples
from tfvp.evaluation.schema import read_metrics
from tfvp.evaluation.suites.robustness import robustness_plans
from tfvp.evaluation.suites.schema import case_folder, read_suite
from tfvp.experiment.stages import run_stages
from tfvp.models.build import build_model


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A tiny run, trained and evaluated."""
    made = tiny.job(tiny.experiment(tmp_path_factory.mktemp("evaluate"), "training.steps=2"))
    run_stages(made, ("prepare", "train", "evaluate"))
    return made


@pytest.fixture(scope="module")
def other_data(job):
    """Clips with two digits and a frame more than the run needs, and clips of another size."""
    data = job.experiment.data
    longer = data.model_copy(update={"digit_count": 2, "predict_frames": 4})
    wider = data.model_copy(update={"frame_px": (16, 16)})
    return [prepare(each, report=lambda line: None).folder for each in (longer, wider)]


def mse_of(path) -> float:
    return read_metrics(path).results["model"]["mse"].value


# --- one step ahead, from the true history ------------------------------------------------------


@pytest.mark.parametrize("config", ["e3d_residual", "fc_lstm"])
def test_one_step_is_the_prediction_of_ever_longer_contexts(config, tmp_path):
    model = {"fc_lstm": ["model.hidden=[8]"], "e3d_residual": []}[config]
    shape = ["data.frame_px=[12, 16]", "data.context_frames=3", "data.predict_frames=3"]
    changes = tiny.CHANGES if config == "e3d_residual" else [*shape, "data.digit_px=6", *model]
    network = build_model(load_config(config, overrides=changes))
    frames = np.random.default_rng(0).random((2, 5, 12, 16, 1), np.float32)
    found = np.asarray(network.predict_next(frames, 3))
    assert found.shape == (2, 3, 12, 16, 1)
    for k in range(3):
        alone = np.asarray(network.predict_frames(frames[:, : 3 + k], 1))[:, 0]
        np.testing.assert_allclose(found[:, k], alone, atol=1e-5)


def test_with_true_history_baselines_see_it_too():
    batch, seen = clips(2), []

    def predict(given):
        seen.append(given.copy())
        return given[:, -HORIZON:]  # the frame before each predicted one: copying the last frame

    found = evaluate(
        predict,
        [batch],
        context_frames=CONTEXT,
        predict_frames=HORIZON,
        metrics=["mse"],
        history="true",
    )
    np.testing.assert_array_equal(seen[0], batch[:, :-1])
    moved = batch[:, CONTEXT:].astype(float) - batch[:, CONTEXT - 1 : -1]
    by_hand = np.square(moved).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(found.values["copy_last_frame"]["mse"], by_hand)
    np.testing.assert_allclose(found.values["model"]["mse"], by_hand)
    assert found.history == "true"


# --- the command --------------------------------------------------------------------------------


@pytest.mark.slow
def test_other_measurements_stand_beside_the_runs_own(job, capsys):
    """Fewer sequences, other metrics, other weights or fewer pictures never replace its result."""
    root, run = job.run.root, job.run
    own = {path: path.read_bytes() for path in (run.metrics_path, run.per_frame_path)}
    pictures = sorted(run.samples.iterdir())
    assert main(["evaluate", "--run", str(root), "--metrics", "all", "--sequences", "4"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "4 test sequences measured" in said
    assert "this is not the run's own result (sequences-4, metrics-all)" in said
    for more in (
        ["evaluation.samples=0"],
        ["evaluation.weights=averaged", "evaluation.checkpoint=last"],
        ["evaluation.metrics=[mse]"],
    ):
        words = [word for each in more for word in ("--set", each)]
        assert main(["evaluate", "--run", str(root), *words]) == 0
    names = ("sequences-4-metrics-all", "checkpoint-last-weights-averaged", "metrics-mse")
    for name in (*names, "samples-0"):
        assert (run.evaluations / name / "metrics.json").is_file(), name
    read = read_metrics(run.evaluations / names[0] / "metrics.json")
    assert list(read.metrics) == list(METRICS)
    assert read.protocol.sequences == 4
    assert read.metadata.trained_on is None
    assert {path: path.read_bytes() for path in own} == own
    assert sorted(run.samples.iterdir()) == pictures


def test_the_runs_own_result_is_measured_anew(job):
    before = mse_of(job.run.metrics_path)
    job.run.metrics_path.unlink()
    # all there are is no difference, and the batch changes no number
    words = ["--sequences", "6", "--set", "evaluation.batch=2"]
    assert main(["evaluate", "--run", str(job.run.root), *words]) == 0
    assert mse_of(job.run.metrics_path) == pytest.approx(before, rel=1e-6)


def drawn(folder) -> list[tuple[int, str]]:
    return [(sample.clip, sample.note) for sample in read_samples(folder)]


@pytest.mark.slow
def test_the_clips_that_are_drawn_can_be_named(job, capsys):
    root, samples = str(job.run.root), job.run.samples
    named = "named by evaluation.clips"
    assert [note for _, note in drawn(samples)] == ["median error", "largest error"]
    words = ["evaluate", "--run", root, "--metrics", "mse", "--set", "evaluation.clips=[4, 1, 2]"]
    assert main(words) == 0
    beside = job.run.evaluations / "metrics-mse-clips-4-1-2" / "samples"
    assert drawn(beside) == [(4, named), (1, named), (2, named)]
    assert sorted(path.stem for path in beside.glob("*.png")) == [
        *("clip_00001", "clip_00002", "clip_00004")
    ]
    words = [*words[:-1], "evaluation.clips=[3]", "--sequences", "4", "--suite", "robustness"]
    assert main(words) == 0
    home = job.run.evaluations / "robustness"
    cases = [case_folder(home, case) for case in read_suite(home).measured]
    assert [drawn(case.samples) for case in cases] == [[(3, named)]] * len(cases)
    assert main(["evaluate", "--run", root]) == 0  # as the run's own settings say
    assert len(drawn(samples)) == 2
    capsys.readouterr()


def test_other_data_have_a_place_of_their_own(job, other_data, capsys):
    run, folder = job.run, other_data[0]
    own = run.metrics_path.read_bytes(), run.per_sequence_path.read_bytes()
    assert main(["evaluate", "--run", str(run.root), "--data", str(folder)]) == 0
    assert (run.metrics_path.read_bytes(), run.per_sequence_path.read_bytes()) == own
    place = run.evaluations / folder.name
    assert str(place / "metrics.json") in capsys.readouterr().out.replace("\n", "")
    found = read_metrics(place / "metrics.json")
    assert found.metadata.data_hash == folder.name.rpartition("-")[2]
    assert found.metadata.data_settings["digit_count"] == 2
    assert found.metadata.data_settings["context_frames"] == 3
    trained_on = json.loads(run.provenance_path.read_text())["data_hash"]
    assert found.metadata.trained_on
    assert found.metadata.trained_on.data_hash == trained_on != found.metadata.data_hash
    assert "trained on other data: Moving MNIST" in found.metadata.label
    assert (found.protocol.first_frame, found.protocol.predict_frames) == (4, 3)  # the 7th is cut
    assert (place / "samples" / "samples.json").is_file()


@pytest.mark.slow
def test_another_number_of_steps_is_measured_beside_the_runs_own(job, capsys):
    run = job.run
    own = run.metrics_path.read_bytes(), run.per_sequence_path.read_bytes()
    for steps in (2, 5):  # trained for three
        assert main(["evaluate", "--run", str(run.root), "--steps", str(steps)]) == 0
        place = run.evaluations / f"steps-{steps}"
        assert str(place / "metrics.json") in capsys.readouterr().out.replace("\n", "")
        found = read_metrics(place / "metrics.json")
        assert (found.protocol.first_frame, found.protocol.predict_frames) == (4, steps)
        assert f"3→{steps}" in found.metadata.data
        assert bool(found.metadata.trained_on) == (steps == 5)  # its clips are too short
        assert found.metadata.data_settings["predict_frames"] == steps
        assert len(read_sequences(place / "per_sequence.csv").frame_numbers) == steps
    assert (run.metrics_path.read_bytes(), run.per_sequence_path.read_bytes()) == own
    shorter = read_sequences(run.evaluations / "steps-2" / "per_sequence.csv")
    whole = read_sequences(run.per_sequence_path)
    np.testing.assert_allclose(
        shorter.values["model"]["mse"], whole.values["model"]["mse"][:, :2], rtol=1e-5
    )


def test_the_runs_own_data_by_their_folder_give_its_own_numbers(job):
    (folder,) = job.experiment.data.prepared.glob(
        f"*-{read_metrics(job.run.metrics_path).metadata.data_hash}"
    )
    assert main(["evaluate", "--run", str(job.run.root), "--data", str(folder)]) == 0
    place = job.run.evaluations / folder.name
    assert mse_of(place / "metrics.json") == pytest.approx(mse_of(job.run.metrics_path), rel=1e-6)


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--data", "WIDER"], 1, r"clips are (6, 16, 16, 1), but RUN needs (6, 12, 16, 1)"),
        (["--data", "nowhere"], 1, "nowhere/manifest.json"),
        (["--metrics", "mse,lpips"], 2, "evaluation.metrics"),
        (["--metrics", "every"], 2, "evaluation.metrics"),
        (["--sequences", "0"], 2, "error: --sequences: evaluation.sequences"),
        (["--steps", "0"], 2, "--steps: expected at least 1 frame to predict, got 0"),
        (
            ["--set", "evaluation.clips=[1, 6]"],
            2,
            "evaluation.clips: 6 is beyond the last of 6 measured clips, 5; name others, or null",
        ),
        (["--set", "evaluation.clips=[4]", "--sequences", "4"], 2, "last of 4 measured clips, 3"),
        (["--set", "training.steps=9"], 2, "--set training.steps: a trained run cannot be changed"),
        (["--run", "nowhere"], 1, "nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_line(job, other_data, capsys, more, code, message):
    words = [word.replace("WIDER", str(other_data[1])) for word in more]
    assert main(["evaluate", "--run", str(job.run.root), *words]) == code
    error = capsys.readouterr().err
    assert message.replace("RUN", str(job.run.root)) in error
    assert error.count("\n") == 1
    assert not (job.run.evaluations / other_data[1].name).exists()


# --- robustness ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_robustness_suite(job, tmp_path, capsys):
    root = tmp_path / "raw"
    (root / "kmnist").mkdir(parents=True)
    glyphs = np.random.default_rng(0).integers(0, 256, (9, 28, 28), dtype=np.uint8)
    np.savez(root / "kmnist" / "kmnist-test-imgs.npz", glyphs)
    words = ["evaluate", "--run", str(job.run.root), "--suite", "robustness", "--sequences", "4"]
    assert main([*words, "--set", f"data.root={root}", "--metrics", "mse"]) == 0
    assert "skipped:" in capsys.readouterr().out
    home = job.run.evaluations / "robustness"
    suite = read_suite(home)
    assert {case.name for case in suite.cases if case.skipped} == {
        "original",
        "glyphs_emnist",
        "glyphs_omniglot",
    }
    assert "mnist_test_seq.npy: no such file" in suite.cases[0].skipped
    found = {case.name: case_folder(home, case) for case in suite.measured}
    read = {name: read_metrics(folder.metrics_path) for name, folder in found.items()}
    assert {each.protocol.sequences for each in read.values()} == {4}
    counts = [read[f"digits_{n}"].metadata.data_settings["digit_count"] for n in (1, 2, 3, 4)]
    assert counts == [1, 2, 3, 4]
    energy = [read[f"digits_{n}"].results["black_frame"]["mse"].value for n in (1, 2, 3, 4)]
    assert energy == sorted(energy)
    assert energy[3] > 1.5 * energy[0]
    assert read["glyphs_kmnist"].metadata.data_settings["digits"] == "kmnist"
    assert read["glyphs_known"].results == read["digits_1"].results
    assert read["research"].results == read["digits_2"].results

    free, one = (read_sequences(found[f"history_{h}"].per_sequence_path) for h in ("own", "true"))
    assert read["history_true"].protocol.history == "true"
    model_free, model_one = (each.values["model"]["mse"] for each in (free, one))
    np.testing.assert_allclose(model_free[:, 0], model_one[:, 0], rtol=1e-4)
    assert (model_free[:, 1:] != model_one[:, 1:]).all()
    copied_free, copied_one = (each.values["copy_last_frame"]["mse"] for each in (free, one))
    assert copied_one[:, 1:].mean() < copied_free[:, 1:].mean()

    # another measurement goes beside it, the same one in its place
    index = (home / "suite.json").stat().st_mtime_ns
    for count in ("3", "4"):
        again = [*words[:-1], count, "--set", f"data.root={root}", "--metrics", "mse"]
        assert main(again) == 0
        assert ((home / "suite.json").stat().st_mtime_ns > index) == (count == "4")
    beside = job.run.evaluations / "robustness-sequences-3-metrics-mse"
    assert len(read_suite(beside).measured) == len(found)


@pytest.mark.slow
def test_the_original_test_set_is_known_by_its_file(job, tmp_path):
    """Tables compare what was measured with `data.test_file`, as a run's own settings have it."""
    folder = tmp_path / "moving_mnist"
    folder.mkdir()
    frames = np.random.default_rng(0).integers(0, 256, (6, 4, 12, 16), dtype=np.uint8)
    np.save(folder / "mnist_test_seq.npy", frames)
    words = ["evaluate", "--run", str(job.run.root), "--suite", "robustness", "--sequences", "4"]
    assert main([*words, "--set", f"data.root={tmp_path}", "--metrics", "mse"]) == 0
    home = job.run.evaluations / "robustness"
    files = {
        name: read_metrics(home / name / "metrics.json").metadata.data_settings["test_file"]
        for name in ("original", "research")
    }
    assert files == {"original": "mnist_test_seq.npy", "research": None}


def test_the_suite_is_for_moving_digits():
    with pytest.raises(ConfigError, match="this run's data are kth"):
        robustness_plans(KthData(), "mnist", None)


def test_what_the_suite_varies():
    """Nothing but what a case is about changes; as many sequences as the run's own test split."""
    data = MovingMnistData(digits="emnist_balanced", without_digits=True, motion="shi", seed=3)
    plans = {plan.case.name: plan for plan in robustness_plans(data, "emnist_balanced", None)}
    assert {plan.data.sequences("test") for plan in plans.values()} == {5000}
    settings = {name: plan.data.model_dump() for name, plan in plans.items()}
    assert {each["seed"] for each in settings.values()} == {3}
    assert {each["motion"] for each in settings.values()} == {"shi"}
    assert settings["original"]["test_file"] == "mnist_test_seq.npy"
    assert settings["digits_3"]["without_digits"]
    assert not settings["glyphs_kmnist"]["without_digits"]
    assert [plan.history for plan in plans.values()] == ["own"] * (len(plans) - 1) + ["true"]


# --- modes of a network that sees pixels --------------------------------------------------------


@pytest.mark.slow
def test_a_likelihood_and_a_prediction_pixel_by_pixel_of_one_run(tmp_path, capsys):
    small = ("channels=6", "encoder_dilations=[1]", "decoder_blocks=1", "top=[4]")
    changes = ("training.steps=2", "evaluation.samples=1", *(f"model.{each}" for each in small))
    made = tiny.job(tiny.of("vpn", tmp_path, *changes, "data.train_source=records", name="vpn"))
    run_stages(made, ("prepare", "train", "evaluate"))
    measured = read_metrics(made.run.metrics_path)
    assert measured.protocol.history == "true_pixels"
    assert measured.metadata.label.endswith("the true pixels before each pixel, are given")

    def again(key: str) -> int:
        return main(["evaluate", "--run", str(made.run.root), "--set", key])

    assert again("model.sampling=pixels") == 0
    said = capsys.readouterr()
    assert "predicting: 36/36" in said.out + said.err  # the rows of 3 frames
    assert read_metrics(made.run.metrics_path) == measured
    sampled = read_metrics(made.run.evaluations / "sampling-pixels" / "metrics.json")
    assert sampled.protocol.history == "own"
    assert sampled.metadata.label.endswith("frames predicted pixel by pixel")
    assert sampled.results["model"] != measured.results["model"]
    assert sampled.results["copy_last_frame"] != measured.results["copy_last_frame"]
    assert again("model.channels=8") != 0
    assert "expected a key of evaluation, model.sampling, data.root" in capsys.readouterr().err
