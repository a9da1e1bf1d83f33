"""Validation decides: the best checkpoint, when training ends, and that a resumed run knows."""

import csv
import json

import numpy as np
import pytest

from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.config.training import EarlyStoppingConfig
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.training.checkpoints import Checkpoints
from tfvp.training.early_stopping import Best, Validation


def judged(values, better="lower", metric="mse", **stopping):
    """What is best after each of these validations, at steps 10, 20 and so on."""
    validation = Validation(dict, metric, better)
    config = EarlyStoppingConfig(**stopping) if stopping else None
    best, seen = None, []
    for i, value in enumerate(values, 1):
        best = validation.judge(best, 10 * i, value, config)
        seen.append(best)
    return seen, [b.is_final(config) for b in seen]


def test_patience_by_hand():
    seen, final = judged([5.0, 4.0, 4.5, 4.0, 3.9, 4.1, 4.1, 4.1], patience=3)
    assert [b.step for b in seen] == [10, 20, 20, 20, 50, 50, 50, 50]
    assert [b.waited for b in seen] == [0, 0, 1, 2, 0, 1, 2, 3]
    assert final == [False] * 7 + [True]
    _, never = judged([1.0, 2.0, 3.0, 4.0])
    assert not any(never)


def test_a_small_change_makes_a_checkpoint_the_best_but_does_not_keep_training_alive():
    seen, final = judged([5.0, 4.8, 4.6, 4.4], patience=2, min_change=0.5)
    assert [b.step for b in seen] == [10, 20, 30, 40]
    assert [b.waited for b in seen] == [0, 1, 2, 0]  # 4.4 is better than 5 by more than 0.5
    assert final == [False, False, True, False]


def test_what_is_better_is_the_metrics_own():
    values = [0.2, 0.5, 0.4]
    assert [b.step for b in judged(values, "higher", "ssim_thesis")[0]] == [10, 20, 20]
    assert [b.step for b in judged(values, "lower")[0]] == [10, 10, 10]


def test_another_metric_begins_anew():
    before = Best(10, 3.0, "mse", 3.0, 4)
    after = Validation(dict, "ssim_thesis", "higher").judge(before, 20, 0.1, None)
    assert after == Best(20, 0.1, "ssim_thesis", 0.1, 0)


def test_a_checkpoint_holds_it_all():
    best = Best(10, 3.0, "ssim_thesis", 2.5, 4)
    assert Best.of(best.state()) == best
    assert Best.of({}) is None


def test_a_window_larger_than_the_frame_is_refused():
    with pytest.raises(ConfigError, match=r"validation_metric: ssim_gaussian has a window"):
        load_config(
            "e3d",
            overrides=[
                *("data.frame_px=[8, 8]", "data.digit_px=4", "model.patch_px=2"),
                *("evaluation.metrics=[mse]", "training.validation_metric=ssim_gaussian"),
            ],
        )


# --- in a run: it gets better, but soon not by 3 dB ---

CHANGES = (
    "training.steps=12",
    "training.optimizer.learning_rate=5.0",
    "training.validate_every=1",
    "training.validation_metric=psnr_float",
    "training.early_stopping.patience=3",
    "training.early_stopping.min_change=3.0",
    "training.checkpoint_every=1",
    "training.keep_checkpoints=12",
    "training.average_decay=0.5",
    "training.validation_weights=averaged",
)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    job = tiny.job(tiny.dense(tmp_path_factory.mktemp("early"), *CHANGES))
    run_stages(job, ("prepare", "train"))
    return job, job.console.export_text(clear=False)


def read(path):
    with path.open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_a_run_ends_early_and_says_why(stopped):
    job, said = stopped
    rows = read(job.run.validation_log)
    values = [row["psnr_float"] for row in rows]
    seen, final = judged(values, "higher", "psnr_float", patience=3, min_change=3.0)
    assert final == [False] * (len(rows) - 1) + [True]
    assert len(rows) < 12
    assert list(rows[0]) == ["step", "mse", "psnr_float"]
    last, best = len(rows), seen[-1].step // 10
    assert (
        f"stopped early after step {last} of 12: validation psnr_float was not better in 3" in said
    )
    assert f"the best checkpoint is of step {best}, validation psnr_float {max(values):.4g}" in said
    checkpoints = Checkpoints(job.run.checkpoints)
    assert checkpoints.best == {"step": best, "metric": "psnr_float", "value": max(values)}
    assert checkpoints.steps()[-1] == last


def test_a_run_that_waits_resumes_exactly(stopped):
    job, _ = stopped
    last = Checkpoints(job.run.checkpoints).steps()[-1]
    # it has waited for one validation and waits for two more
    tiny.assert_resumes_exactly(job, job.run.validation_log, (last, last - 1))


def test_a_run_that_ended_early_stays_ended(stopped):
    job, _ = stopped
    before = json.dumps(Checkpoints(job.run.checkpoints).steps())
    again = tiny.job(job.experiment, resume=True)
    run_stages(again, ("train",))
    assert "stopped early after step" in again.console.export_text()
    assert json.dumps(Checkpoints(job.run.checkpoints).steps()) == before


def test_averaged_weights_are_validated(stopped):
    from tfvp.inference.predictor import trained_network

    job, _ = stopped
    row = read(job.run.validation_log)[-1]
    last = {"checkpoint": "last", "weights": "averaged"}
    evaluation = job.experiment.evaluation.model_copy(update=last)
    experiment = job.experiment.model_copy(update={"evaluation": evaluation})
    network, step = trained_network(job.run, experiment)
    assert step == row["step"]
    data = job.experiment.data
    clips = np.stack([job.open_data().split("validation")[i] for i in range(6)]) / np.float32(255)
    prediction = network.predict_frames(clips[:, : data.context_frames], data.predict_frames)
    error = np.clip(np.asarray(prediction), 0, 1) - clips[:, data.context_frames :]
    mse = np.square(error).sum(axis=(2, 3, 4)).mean()
    assert row["mse"] == pytest.approx(mse, rel=1e-4)
