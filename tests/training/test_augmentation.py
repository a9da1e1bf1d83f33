"""Augmentation: what is drawn, what it does to a clip, and where it is not made."""

import numpy as np
import pytest

from tests.helpers import tiny
from tfvp.config.augmentation import AugmentationConfig
from tfvp.config.loading import load_config
from tfvp.data.pipeline import TrainingBatches
from tfvp.data.prepare import prepare
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.training.augmentation import Augmentation
from tfvp.training.batches import training_batches
from tfvp.training.checkpoints import Checkpoints, read_state

CLIP = np.random.default_rng(0).integers(90, 160, (4, 5, 6, 3), np.uint8)
FLIP = "training.augmentation.flip=[left_right, up_down, time]"


class Noise:
    """Seven clips, or ever new ones; the first frame of clip i is filled with 20 i."""

    shape = CLIP.shape

    def __init__(self, count: int | None = 7):
        self.count = count

    def __getitem__(self, index):
        clip = np.random.default_rng(index).integers(0, 256, self.shape, np.uint8)
        clip[0] = 20 * index % 256
        return clip

    def source(self, index):
        return str(index)


def drawn(source=None, **changes):
    """A clip as 200 steps have it."""
    change = Augmentation(AugmentationConfig(**changes), source or Noise(), seed=1)
    return [change(CLIP, step, 2) for step in range(1, 201)]


@pytest.mark.parametrize(
    ("flip", "mirrored"),
    [("left_right", CLIP[:, :, ::-1]), ("up_down", CLIP[:, ::-1]), ("time", CLIP[::-1])],
)
def test_each_flip_is_made_in_half_of_the_draws(flip, mirrored):
    clips = drawn(flip=(flip,))
    made = [np.array_equal(clip, mirrored) for clip in clips]
    kept = [np.array_equal(clip, CLIP) for clip in clips]
    assert np.all(np.add(made, kept) == 1)
    assert 80 < sum(made) < 120


def test_flips_are_drawn_apart():
    clips = {clip.tobytes() for clip in drawn(flip=("left_right", "up_down", "time"))}
    ways = [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]
    assert clips == {CLIP[::a, ::b, ::c].tobytes() for a, b, c in ways}


def test_brightness_adds_one_number_to_a_clip_and_cuts_what_leaves_the_range():
    added = []
    for clip in drawn(brightness=0.2):
        difference = clip.astype(int) - CLIP
        assert difference.min() == difference.max()  # at most 51 up or down, so nothing is cut
        added.append(difference.flat[0])
    assert -51 <= min(added) < -45
    assert 45 < max(added) <= 51
    assert abs(np.mean(added)) < 5
    whole = np.array(drawn(brightness=1))
    assert whole.dtype == np.uint8
    assert (whole.min(), whole.max()) == (0, 255)
    order = np.argsort(CLIP, axis=None)
    assert all(np.all(np.diff(clip.ravel()[order].astype(int)) >= 0) for clip in whole)


def test_contrast_multiplies_distances_from_the_mean_by_a_factor_within_its_bounds():
    mean = CLIP.mean()
    factors = []
    for clip in drawn(contrast=1.0):
        (factor, level), *_ = np.polyfit(
            CLIP.ravel() - mean, clip.ravel().astype(float), 1, full=True
        )
        assert level == pytest.approx(mean, abs=0.3)
        assert np.abs((CLIP - mean) * factor + mean - clip).max() < 1  # rounded
        factors.append(factor)
    assert 0.5 <= min(factors) < 0.53
    assert 1.9 < max(factors) <= 2.01
    assert np.mean(np.log(factors)) == pytest.approx(0, abs=0.08)  # as often weaker as stronger


def test_a_draw_is_of_its_seed_step_and_place_alone():
    config = AugmentationConfig(flip=("time",), contrast=1, brightness=0.5)

    def made(seed=1, step=3, place=2):
        return Augmentation(config, Noise(), seed)(CLIP, step, place)

    np.testing.assert_array_equal(made(), made())
    for other in (made(seed=2), made(step=4), made(place=3)):
        assert (other != made()).any()


@pytest.mark.parametrize("count", [7, None])
def test_a_still_frame_of_any_clip_is_blended_in_by_any_weight_as_often_as_asked(count):
    clips = drawn(Noise(count), blend=0.4)
    weights, stills = [], []
    for clip in clips:
        if np.array_equal(clip, CLIP):
            continue
        weight, added = np.polyfit(CLIP.ravel(), clip.ravel().astype(float), 1)
        assert np.abs(weight * CLIP + added - clip).max() < 1  # one value everywhere, rounded
        weights.append(weight)
        stills.append(added / (1 - weight))
    assert 60 < len(weights) < 100
    assert min(weights) < 0.05
    assert max(weights) > 0.95
    assert np.mean(weights) == pytest.approx(0.5, abs=0.1)
    sharp = [round(s / 20) for s, w in zip(stills, weights, strict=True) if w < 0.8]
    if count:
        assert set(sharp) == set(range(7))


def test_the_still_frame_is_flipped_apart_from_the_clip():
    class Half(Noise):
        def __getitem__(self, index):
            clip = np.zeros(self.shape, np.uint8)
            clip[:, :, :3] = 200
            return clip

    blank = np.zeros_like(CLIP)
    change = Augmentation(AugmentationConfig(blend=1, flip=("left_right",)), Half(), seed=1)
    left = [
        bool(np.diff(change(blank, step, 0)[0, 0, [0, -1], 0].astype(int)) < 0)
        for step in range(99)
    ]
    assert 30 < sum(left) < 70
    alone = Augmentation(AugmentationConfig(flip=("left_right",)), Half(), seed=1)
    kept = [np.array_equal(alone(CLIP, step, 0), CLIP) for step in range(99)]
    assert 30 < np.sum(np.equal(left, kept)) < 70


def test_what_else_is_asked_for_moves_no_draw():
    for alone, both in zip(drawn(flip=("time",)), drawn(flip=("up_down", "time")), strict=True):
        np.testing.assert_array_equal(alone.mean(axis=1), both.mean(axis=1))


def first_batch(experiment):
    prepared = prepare(experiment.data, report=lambda line: None)
    batch = next(iter(training_batches(experiment, prepared, lambda line: None)))
    return {name: np.asarray(values) for name, values in batch.items()}


@pytest.mark.parametrize("reverse", ["false", "true"])
def test_training_sees_changed_clips_with_the_same_masks(tmp_path, reverse):
    given = f"training.reverse_input={reverse}"
    plain = first_batch(tiny.experiment(tmp_path, given))
    settings = (FLIP, "training.augmentation.contrast=2", "training.augmentation.blend=0.5")
    of = tiny.experiment(tmp_path, given, *settings)
    changed = first_batch(of)
    clips = prepare(of.data, report=lambda line: None).split("train")
    change = Augmentation(of.training.augmentation, clips, of.training.seed)
    np.testing.assert_array_equal(changed["teacher_forcing_mask"], plain["teacher_forcing_mask"])
    for place, clip in enumerate(np.rint(plain["frames"] * 255).astype(np.uint8)):
        wanted = change(clip, 1, place)
        np.testing.assert_array_equal(np.rint(changed["frames"][place] * 255), wanted)
    assert (changed["frames"] != plain["frames"]).any()


def test_rows_resumed_and_tf_data_are_changed_alike():
    config = AugmentationConfig(flip=("time", "left_right"), blend=0.5, brightness=0.3)

    def batches(**changes):
        return TrainingBatches(
            Noise(),
            **{"batch": 4, "seed": 3, "sampling": lambda step: [0.5]},
            change=Augmentation(config, Noise(), seed=3),
            reverse_input=True,
            **changes,
        )

    whole = batches().in_numpy()
    wanted = [next(whole)["frames"] for _ in range(8)]
    for first, found in (
        (0, batches().as_dataset()),
        (4, batches().as_dataset(3)),
        (4, batches().in_numpy(3)),
    ):
        for frames, batch in zip(wanted[first:], found, strict=False):
            np.testing.assert_array_equal(np.asarray(batch["frames"]), frames)
    rows = batches(rows=range(1, 3)).in_numpy()
    for frames, batch in zip(wanted, rows, strict=False):
        np.testing.assert_array_equal(batch["frames"], frames[1:3])
    for forward, backward in zip(wanted[::2], wanted[1::2], strict=True):
        np.testing.assert_array_equal(backward, forward[:, ::-1])


def trained(folder, *changes):
    job = tiny.job(tiny.dense(folder, *changes))
    run_stages(job, ("prepare", "train", "evaluate"))
    return job.run, read_state(Checkpoints(job.run.checkpoints).path(6))


def test_it_changes_what_is_learned_and_not_what_is_measured(tmp_path):
    plain, of_plain = trained(tmp_path / "plain")
    changed, of_changed = trained(tmp_path / "changed", FLIP)
    names = [name for name in of_plain if name.startswith("weights/")]
    assert any((of_plain[name] != of_changed[name]).any() for name in names)

    def baseline(run):
        return [line for line in run.per_frame_path.read_text().splitlines() if "copy" in line]

    assert baseline(plain) == baseline(changed) != []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("flip=[sideways]", "training.augmentation.flip"),
        ("brightness=1.5", "training.augmentation.brightness"),
        ("contrast=-1", "training.augmentation.contrast"),
        ("blend=2", "training.augmentation.blend"),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_line(setting, message):
    with pytest.raises(ConfigError) as refused:
        load_config("predrnn", overrides=[f"training.augmentation.{setting}"])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value).strip()
