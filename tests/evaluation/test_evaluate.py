"""Baselines, means and intervals worked out by hand, and what an evaluation leaves in the run."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from tfvp.config.experiment import Experiment
from tfvp.errors import DataError, RunError, TrainingError
from tfvp.evaluation.evaluate import estimate, evaluate, write
from tfvp.evaluation.metadata import run_metadata
from tfvp.evaluation.samples import choose_clips, read_samples, write_samples
from tfvp.evaluation.schema import COLUMNS, read_frames, read_metrics
from tfvp.models.baselines import BASELINES
from tfvp.runs.folder import Run

CONTEXT, HORIZON = 3, 2


def clips(count: int, seed: int = 0, shape=(8, 10, 1)) -> np.ndarray:
    """Random clips, float32 (count, 5, *shape) in [0, 1)."""
    rng = np.random.default_rng(seed)
    return rng.random((count, CONTEXT + HORIZON, *shape), np.float32)


def measured(batches, predict=lambda context: context[:, -HORIZON:], metrics=("mse",)):
    return evaluate(
        predict, batches, context_frames=CONTEXT, predict_frames=HORIZON, metrics=metrics
    )


def metadata(**more):
    experiment = Experiment(name="run", title="A network")
    data_metadata = {"title": "Moving MNIST with MNIST", "digits_source": "mnist", "label": ""}
    return run_metadata(experiment, data_metadata, steps=7, checkpoint="last", **more)


# --- baselines ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [("copy_last_frame", [0.9, 0.2]), ("black_frame", [0.0, 0.0]), ("context_mean", [0.5, 0.4])],
)
def test_baseline_of_two_clips(name, expected):
    """Two one-pixel clips of three frames: 0.1 0.5 0.9 and 0.6 0.4 0.2."""
    context = np.array([[0.1, 0.5, 0.9], [0.6, 0.4, 0.2]], np.float32).reshape(2, 3, 1, 1, 1)
    prediction = BASELINES[name](context, 4)
    assert prediction.shape == (2, 4, 1, 1, 1)
    assert prediction.dtype == np.float32
    np.testing.assert_allclose(prediction[..., 0, 0, 0], np.transpose([expected] * 4), rtol=1e-6)


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_refuses_what_is_no_context(name):
    with pytest.raises(ValueError, match="at least one frame"):
        BASELINES[name](np.zeros((1, 0, 4, 4, 1)), 2)
    with pytest.raises(ValueError, match="horizon"):
        BASELINES[name](np.zeros((1, 3, 4, 4, 1)), 0)
    with pytest.raises(ValueError, match="context: expected"):
        BASELINES[name](np.zeros((3, 4, 4, 1)), 1)


# --- means and intervals ------------------------------------------------------------------------


def test_interval_of_one_two_three():
    """Standard deviation 1, so 1.96 / sqrt(3) to both sides."""
    found = estimate(np.array([1.0, 2.0, 3.0]))
    assert found.mean == 2
    assert (found.ci95_low, found.ci95_high) == pytest.approx((0.8683934, 3.1316066), abs=1e-7)
    assert found.half_width == pytest.approx(1.1316066, abs=1e-7)
    assert found.sequences == 3


def test_one_sequence_has_no_interval():
    found = estimate(np.array([4.0]))
    assert (found.mean, found.ci95_low, found.ci95_high) == (4.0, None, None)


def test_an_exact_frame_makes_the_mean_infinite_as_released():
    found = estimate(np.array([20.0, np.inf, np.inf]))
    assert (found.mean, found.value, found.infinite) == ("inf", np.inf, 2)
    assert found.half_width is None


def test_numbers_of_constant_errors():
    """Truth 0, predictions 0.1 and 0.2 in the two sequences, and twice that in the second frame."""
    batch = np.zeros((2, 5, 8, 10, 1), np.float32)
    errors = np.array([[0.1, 0.2], [0.2, 0.4]]).reshape(2, 2, 1, 1, 1) * np.ones((1, 1, 8, 10, 1))
    found = measured([batch], lambda context: errors, metrics=["mse", "mae"])
    np.testing.assert_allclose(found.values["model"]["mse"], 80 * errors[:, :, 0, 0, 0] ** 2)
    assert found.overall("model", "mae").value == pytest.approx(80 * 0.225)
    # sequence means 12 and 24: standard deviation 12 / sqrt(2), over sqrt(2) sequences is 6
    assert found.overall("model", "mae").half_width == pytest.approx(1.96 * 6)
    first, second = found.per_frame("model", "mae")
    assert (first.value, second.value) == pytest.approx((80 * 0.15, 80 * 0.3))
    assert found.overall("black_frame", "mse").value == 0
    assert list(found.frame_numbers) == [4, 5]
    assert found.sequences == 2


def test_batches_are_put_together_and_baselines_see_the_same_clips():
    all_clips, told = clips(7), []
    parts = [all_clips[:3], all_clips[3:6], all_clips[6:]]
    found = evaluate(
        lambda context: np.zeros_like(context[:, :HORIZON]),
        parts,
        context_frames=CONTEXT,
        predict_frames=HORIZON,
        metrics=["mse"],
        progress=told.append,
    )
    assert told == [3, 6, 7]
    np.testing.assert_array_equal(found.values["model"]["mse"], found.values["black_frame"]["mse"])
    last = all_clips[:, 2:3].astype(float)
    by_hand = ((all_clips[:, 3:] - last) ** 2).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(found.values["copy_last_frame"]["mse"], by_hand)


def test_the_network_sees_the_context_and_cannot_change_the_truth():
    batch = clips(2)
    before = batch.copy()

    def predict(context):
        assert context.shape == (2, CONTEXT, 8, 10, 1)
        assert context.base is None  # no view from which the future could be reached
        context[:] = 0
        return context[:, :HORIZON]

    found = measured([batch], predict)
    np.testing.assert_array_equal(batch, before)
    assert found.overall("copy_last_frame", "mse").value > 0


# --- what is refused ----------------------------------------------------------------------------


def test_refusals():
    with pytest.raises(DataError, match="no sequences"):
        measured([])
    with pytest.raises(DataError, match=r"sequences of 5 frames .* got 4"):
        measured([clips(1)[:, :4]])
    with pytest.raises(DataError, match=r"frames of \(8, 10, 1\) .* got \(8, 8, 1\)"):
        measured([clips(1), clips(1, shape=(8, 8, 1))])
    with pytest.raises(ValueError, match="prediction: expected"):
        measured([clips(1)], lambda context: context)
    with pytest.raises(ValueError, match=r"metrics: .*got lpips"):
        measured([clips(1)], metrics=["mse", "lpips"])


def test_predictions_that_are_not_finite_are_named_by_sequence():
    def predict(context):
        out = context[:, :HORIZON].copy()
        if len(context) == 2:
            out[1, 0, 0, 0, 0] = np.nan
        return out

    with pytest.raises(TrainingError, match="sequence 4 on"):
        measured([clips(3), clips(2)], predict)


def test_clips_are_ranked_by_mse_else_by_the_first_metric():
    batch = clips(3)
    with_mse = measured([batch], metrics=["psnr_float", "mse"])
    np.testing.assert_array_equal(with_mse.errors, with_mse.values["model"]["mse"])
    without = measured([batch], metrics=["psnr_float"])
    assert list(choose_clips(without.errors, 3)) == list(choose_clips(with_mse.errors, 3))


# --- files --------------------------------------------------------------------------------------


def test_metrics_json_is_strict_and_complete(tmp_path):
    batch = clips(3)
    batch[1, 2:] = batch[1, 2:3]  # nothing moves: copying the last frame is exact
    found = measured([batch], metrics=["mse", "psnr_uint8"])
    run = Run(tmp_path)
    write(found, run, metadata(data_hash="abc"))

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = json.loads(run.metrics_path.read_text(), parse_constant=refuse)
    assert text["results"]["copy_last_frame"]["psnr_uint8"]["mean"] == "inf"
    assert text["results"]["copy_last_frame"]["psnr_uint8"]["infinite"] == 2
    assert text["facts"]["data_hash"] == "abc"
    assert text["facts"]["data_settings"]["digits"] == "mnist"
    assert text["metrics"]["mse"]["definition"].startswith("squared error summed over the frame")

    record = read_metrics(run.metrics_path)
    assert list(record.results) == ["model", *BASELINES]
    assert record.results["model"]["mse"] == found.overall("model", "mse")
    assert record.protocol.first_frame == 4
    assert record.protocol.sequences == 3
    assert record.metadata.data == "Moving MNIST with MNIST, 64×64, 10→10"


def test_per_frame_csv_counts_frames_from_the_clips_start(tmp_path):
    found, run = measured([clips(3)], metrics=["mse", "mae"]), Run(tmp_path)
    write(found, run, metadata())
    with run.per_frame_path.open() as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    rows = read_frames(run.per_frame_path)
    assert len(rows) == 4 * 2 * HORIZON
    assert [(r.frame, r.horizon_step) for r in rows[:2]] == [(4, 1), (5, 2)]
    exact = found.per_frame("model", "mse")[1]
    assert rows[1][4:8] == (exact.value, exact.ci95_low, exact.ci95_high, 3)


def test_damaged_files_are_one_clear_line(tmp_path):
    run = Run(tmp_path)
    with pytest.raises(RunError, match="run the evaluate stage"):
        read_metrics(run.metrics_path)
    with pytest.raises(RunError, match="run the evaluate stage"):
        read_frames(run.per_frame_path)
    run.metrics_path.write_text('{"facts": {}}')
    with pytest.raises(RunError, match=r"metrics\.json: facts\.config: Field required"):
        read_metrics(run.metrics_path)
    run.per_frame_path.write_text("method,metric\n")
    with pytest.raises(RunError, match="expected the columns method, metric, frame"):
        read_frames(run.per_frame_path)
    run.per_frame_path.write_text(",".join(COLUMNS) + "\nmodel,mse,one,1,2,,,3,x\n")
    with pytest.raises(RunError, match=r"per_frame\.csv: invalid literal"):
        read_frames(run.per_frame_path)


# --- samples ------------------------------------------------------------------------------------


def test_median_worst_and_best_are_chosen_first():
    errors = np.array([[5.0, 5.0], [1.0, 1.0], [9.0, 9.0], [4.0, 4.0], [3.0, 3.0]])
    assert list(choose_clips(errors, 4)) == [3, 2, 1, 0]
    assert choose_clips(errors, 1) == {3: "median error"}
    assert list(choose_clips(errors, 99)) == [3, 2, 1, 0, 4]
    assert choose_clips(errors, 0) == {}


@pytest.mark.parametrize("channels", [1, 3])
def test_sample_files(tmp_path, channels):
    pair = clips(2, shape=(8, 10, channels))
    (tmp_path / "clip_00099.png").touch()  # an earlier evaluation's
    (tmp_path / "clip_notes.png").touch()  # not ours
    samples = write_samples(
        lambda context: np.full_like(context[:, :HORIZON], 2.0),  # clipped when drawn
        {41: pair[0], 42: pair[1]},
        tmp_path,
        context_frames=CONTEXT,
        notes={41: "largest error", 42: "smallest error"},
    )
    assert read_samples(tmp_path) == samples
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *(f"clip_000{i}.{kind}" for i in (41, 42) for kind in ("gif", "npz", "png")),
        "clip_notes.png",
        "samples.json",
    ]
    by_hand = ((1 - pair[0, CONTEXT:].astype(float)) ** 2).sum(axis=(1, 2, 3)).mean()
    assert samples[0].mse == pytest.approx(by_hand)
    with np.load(tmp_path / "clip_00041.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["frames"], np.rint(pair[0] * 255))
        assert arrays["prediction"].shape == (HORIZON, 8, 10, channels)
        assert (arrays["prediction"] == 255).all()
    with Image.open(tmp_path / "clip_00041.gif") as gif:
        assert getattr(gif, "n_frames", 1) == CONTEXT + HORIZON


def test_filmstrip_shows_every_pixel_where_it_belongs(tmp_path):
    """First context frame, first prediction and last error, found by the borders' colours."""
    clip = clips(1)[0]
    write_samples(
        lambda context: context[:, :HORIZON],
        {0: clip},
        tmp_path,
        context_frames=CONTEXT,
        notes={0: "x"},
    )
    with Image.open(tmp_path / "clip_00000.png") as opened:
        picture = np.asarray(opened.convert("RGB")).astype(int)
    blue = np.argwhere((picture == (31, 119, 180)).all(axis=-1))
    orange = np.argwhere((picture == (230, 110, 20)).all(axis=-1))
    zoom = 10  # 10 px are enlarged to at least 96
    for corner, expected in ((blue.min(axis=0), clip[0]), (orange.min(axis=0), clip[0])):
        top, left = corner + 3
        shown = picture[top : top + 8 * zoom : zoom, left : left + 10 * zoom : zoom, 0]
        np.testing.assert_array_equal(shown, np.rint(expected[..., 0] * 255))
    below = 8 * zoom + 10  # a frame, its two borders of 3 px and a gap of 4
    top, left = orange.max(axis=0) - (8 * zoom + 2, 10 * zoom + 2)
    shown = picture[top + below :, left:][: 8 * zoom : zoom, : 10 * zoom : zoom, 0]
    np.testing.assert_array_equal(shown, np.rint(np.abs(clip[4] - clip[1])[..., 0] * 255))


def test_samples_index_cannot_point_elsewhere(tmp_path):
    entry = {"clip": 1, "note": "", "mse": 1.0, "filmstrip": "../../x.png"}
    entry |= {"animation": "clip_00001.gif", "arrays": "clip_00001.npz"}
    (tmp_path / "samples.json").write_text(json.dumps([entry]))
    with pytest.raises(RunError, match="no sample's name"):
        read_samples(tmp_path)
