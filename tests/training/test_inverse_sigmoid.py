"""Scheduled sampling of Finn et al. 2016: an exact number of clips is fed the truth."""

import csv
import functools

import numpy as np
import pytest

from tests import GOLDENS
from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.config.sampling import InverseSigmoidSamplingConfig
from tfvp.data import order
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.training.schedules import truth_probabilities, truth_probability

FINN = InverseSigmoidSamplingConfig()


def mask(step: int, rows, batch: int, probabilities, seed: int = 3) -> np.ndarray:
    return order.counted_teacher_forcing_mask(seed, step, rows, batch, probabilities)


def fed(step: int, batch: int, sampling=FINN) -> np.ndarray:
    """How many clips are fed the truth, at each of three frames."""
    made = functools.partial(truth_probabilities, context_frames=2, predict_frames=4)
    return mask(step, range(batch), batch, made(step, sampling)).sum(axis=0)


@pytest.mark.parametrize("batch", [32, 16, 5])
def test_the_numbers_of_clips_are_the_programs(batch):
    with np.load(GOLDENS / "cdna.npz", allow_pickle=False) as golden:
        updates = golden["schedule/iteration"].tolist()
        wanted = golden[f"schedule/num_ground_truth_batch_{batch}"].tolist()
    for done, count in zip(updates, wanted, strict=True):
        assert fed(done + 1, batch).tolist() == [count] * 3, done


def test_a_half_is_rounded_to_the_even_number():
    assert mask(1, range(5), 5, [0.5, 0.3, 0.7]).sum(axis=0).tolist() == [2, 2, 4]


def test_it_falls_with_k_and_without_end():
    assert truth_probability(1, FINN) == pytest.approx(900 / 901)
    assert truth_probability(int(9 * np.log(9)) + 1, FINN.model_copy(update={"k": 9.0})) == (
        pytest.approx(0.5, abs=0.05)
    )
    assert truth_probability(10_000_000, FINN) == 0.0
    with pytest.raises(ConfigError, match=r"scheduled_sampling\.k: expected more than 0"):
        load_config(
            "predrnn", overrides=["training.scheduled_sampling={kind: inverse_sigmoid, k: 0}"]
        )


def test_clips_are_drawn_anew_at_every_frame_and_step():
    some = mask(7, range(16), 16, [0.5] * 4)
    assert len({column.tobytes() for column in some.T}) == 4
    for other in (mask(8, range(16), 16, [0.5] * 4), mask(7, range(16), 16, [0.5] * 4, seed=4)):
        assert (other != some).any()
    shares = np.mean([mask(step, range(8), 8, [0.25])[:, 0] for step in range(1, 2001)], axis=0)
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 2000)  # every place alike
    assert some.dtype == np.float32


def test_a_part_of_the_batch_has_the_same_clips_as_the_whole():
    whole = mask(30, range(8), 8, [0.5] * 9)
    parts = [mask(30, rows, 8, [0.5] * 9) for rows in ([0, 1, 2], [3], [4, 5, 6, 7])]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_clips_are_those_of_the_philox_words_in_order():
    words = order.words(3, "counted teacher forcing mask", (30, 1), 8)
    smallest = np.argsort(words)[:4]
    assert sorted(np.flatnonzero(mask(30, range(8), 8, [0.0, 0.5])[:, 1])) == sorted(smallest)


# --- in a run ---

CHANGES = (
    "training.steps=4",
    "training.checkpoint_every=2",
    "training.validate_every=4",
    "training.scheduled_sampling={kind: inverse_sigmoid, k: 2}",
    "model.hidden=[3, 3]",
    "model.cell.kernel=[2, 3, 3]",
)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Four updates of a tiny network; the job, and the masks that were drawn for every step."""
    job = tiny.job(tiny.of("e3d_residual", tmp_path_factory.mktemp("sigmoid"), *CHANGES))
    masks = {}
    draw = order.counted_teacher_forcing_mask

    def keep(seed, step, *rest):
        masks[step] = draw(seed, step, *rest)
        return masks[step]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "counted_teacher_forcing_mask", keep)
        run_stages(job, ("prepare", "train"))
    return job, masks


@pytest.mark.slow
def test_a_run_logs_the_share_and_feeds_it_exactly(straight):
    job, masks = straight
    with job.run.train_log.open() as file:
        logged = [float(row["truth_probability"]) for row in csv.DictReader(file)]
    assert logged == pytest.approx([2 / (2 + np.exp(done / 2)) for done in range(4)])
    for step, share in enumerate(logged, 1):
        assert masks[step].sum(axis=0).tolist() == [round(4 * share)] * 2
    assert masks[1].sum() > masks[4].sum()


@pytest.mark.slow
def test_a_run_resumes_exactly(straight):
    job, _ = straight
    tiny.assert_resumes_exactly(job, job.run.train_log, (4,))


@pytest.mark.slow
def test_other_kinds_draw_every_clip_by_itself_and_log_what_they_did(tmp_path, monkeypatch):
    monkeypatch.setattr(order, "counted_teacher_forcing_mask", None)
    job = tiny.job(tiny.experiment(tmp_path, "training.steps=2"))
    run_stages(job, ("prepare", "train"))
    with job.run.train_log.open() as file:
        logged = [float(row["truth_probability"]) for row in csv.DictReader(file)]
    assert logged == pytest.approx([0.9, 0.8])
