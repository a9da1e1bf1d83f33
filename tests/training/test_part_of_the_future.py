"""Training on a part of each clip's future: which frames, and what takes whole clips."""

import numpy as np
import pytest

from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.data.prepare import prepare
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.training.batches import training_batches
from tfvp.training.checkpoints import Checkpoints, read_state

PART, WHOLE = (f"training.predict_frames={frames}" for frames in (2, 3))


def first_batch(experiment):
    prepared = prepare(experiment.data, report=lambda line: None)
    batch = next(iter(training_batches(experiment, prepared, lambda line: None)))
    return {name: np.asarray(values) for name, values in batch.items()}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_batch_is_that_part_of_the_same_clips(tmp_path, reverse):
    kind = f"training.reverse_input={str(reverse).lower()}"
    whole = first_batch(tiny.experiment(tmp_path, kind))
    part = first_batch(tiny.experiment(tmp_path, kind, PART))
    assert whole["frames"].shape == (4, 6, 12, 16, 1)
    assert whole["teacher_forcing_mask"].shape == (4, 2)
    np.testing.assert_array_equal(part["frames"], whole["frames"][:, :5])
    assert part["teacher_forcing_mask"].shape == (4, 1)


def trained(folder, *changes):
    job = tiny.job(tiny.dense(folder, *changes))
    run_stages(job, ("prepare", "train", "evaluate"))
    return job.run, read_state(Checkpoints(job.run.checkpoints).path(6))


def weights(state):
    return {name: value for name, value in state.items() if name.startswith("weights/")}


def test_the_whole_future_changes_nothing_and_a_part_does(tmp_path):
    of_clips, of_whole, of_part = (
        trained(tmp_path / name, *changes)[1]
        for name, changes in (("clips", ()), ("whole", (WHOLE,)), ("part", (PART,)))
    )
    for name, value in weights(of_clips).items():
        np.testing.assert_array_equal(of_whole[name], value)
    assert any((of_part[name] != value).any() for name, value in weights(of_clips).items())


def test_validation_and_evaluation_take_whole_clips(tmp_path):
    run, _ = trained(tmp_path, PART)
    frames = [line.split(",")[2] for line in run.per_frame_path.read_text().splitlines()]
    assert sorted(set(frames[1:])) == ["4", "5", "6"]


def test_more_frames_than_there_are_are_refused_in_one_line():
    with pytest.raises(ConfigError) as caught:
        load_config("predrnn", overrides=["training.predict_frames=11"])
    expected = "training.predict_frames: expected at most data.predict_frames, 10, got 11"
    assert expected in str(caught.value)
