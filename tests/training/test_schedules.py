"""Learning rate, momentum and clipping against PyTorch's numbers, by hand, and in a run."""

import csv
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.config.training import TrainingConfig
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.training.checkpoints import Checkpoints, read_state
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer
from tfvp.training.optimizers import build_optimizer, clip_gradients, set_schedules
from tfvp.training.schedules import learning_rate, momentum


def training(steps, schedule, optimizer=None):
    return TrainingConfig.model_validate(
        {"steps": steps, "schedule": schedule, "optimizer": optimizer or {}}
    )


def rates(config, steps=None):
    return [learning_rate(step, config) for step in range(1, (steps or config.steps) + 1)]


# Printed by PyTorch 2.13.0: OneCycleLR(Adam([w], lr=5e-4, eps=1e-8), 5e-4, total_steps=10).
TORCH_RATES = [
    *(1.9999999999999998e-05, 0.00026000000000000003, 0.0005, 0.0004752423160067368),
    *(0.0004058728269748815, 0.0003056310109681446, 0.00019437098903185538),
    *(9.412917302511849e-05, 2.4759683993263143e-05, 2e-09),
]
TORCH_BETAS = [
    *(0.95, 0.8999999999999999, 0.85, 0.854951556604879, 0.8688255099070633),
    *(0.8888739533021842, 0.9111260466978157, 0.9311744900929366, 0.945048443395121, 0.95),
]
# ... and w, from (0.3, -0.2) with the gradients (sin t, cos t), after updates 5 and 10.
TORCH_WEIGHTS = {
    5: [0.29966872661839117, -0.19910281124899634],
    10: [0.2998241297534275, -0.1990866820782004],
}
ADAM = {"kind": "adam", "learning_rate": 5e-4, "epsilon": 1e-8}


def test_one_cycle_is_that_of_pytorch():
    config = training(10, {"kind": "one_cycle"}, ADAM)
    assert rates(config) == pytest.approx(TORCH_RATES, rel=1e-12)
    betas = [momentum(step, config) for step in range(1, 11)]
    assert betas == pytest.approx(TORCH_BETAS, rel=1e-12)
    # the same, OneCycleLR(…, 1e-2, total_steps=7, pct_start=0.5, div_factor=10,
    # final_div_factor=100, base_momentum=0.8, max_momentum=0.9)
    other = {
        **{"kind": "one_cycle", "pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 100.0},
        **{"base_momentum": 0.8, "max_momentum": 0.9},
    }
    config = training(7, other, {"learning_rate": 1e-2})
    expected = [
        *(0.0009999999999999992, 0.004109423525312736, 0.009140576474687263),
        *(0.009505339495172583, 0.00611649206511179, 0.0018906684397156264, 1e-05),
    ]
    assert rates(config) == pytest.approx(expected, rel=1e-12)
    assert momentum(2, config) == pytest.approx(0.8654508497187474, rel=1e-12)
    assert momentum(1, training(7, {**other, "cycle_momentum": False})) is None


def test_adam_with_a_cycled_beta_moves_as_pytorchs():
    config = training(10, {"kind": "one_cycle"}, ADAM)
    optimizer = build_optimizer(config)
    weight = keras.Variable(np.array([0.3, -0.2], "float32"))
    optimizer.build([weight])
    update = tf.function(lambda g: optimizer.apply([g], [weight]), autograph=False)
    for t in range(1, 11):
        set_schedules(optimizer, t, config)
        update(tf.constant([math.sin(t), math.cos(t)], tf.float32))
        if t in TORCH_WEIGHTS:
            moved = keras.ops.convert_to_numpy(weight) - [0.3, -0.2]
            expected = np.array(TORCH_WEIGHTS[t]) - [0.3, -0.2]
            np.testing.assert_allclose(moved, expected, atol=2e-7)


def test_cosine_and_steps_are_those_of_pytorch():
    # CosineAnnealingLR(…, 8, eta_min=1e-4), MultiStepLR(…, [2, 5], 0.1), StepLR(…, 3, 0.5)
    cosine = [
        *(0.001, 0.000965745789630079, 0.0008681980515339464, 0.0007222075445642906, 0.00055),
        *(0.00037779245543570966, 0.00023180194846605365, 0.00013425421036992097),
    ]
    assert rates(training(8, {"kind": "cosine", "final": 0.1})) == pytest.approx(cosine, rel=1e-12)
    at = training(7, {"kind": "step", "factor": 0.1, "at": [2, 5]})
    assert rates(at) == pytest.approx([1e-3] * 2 + [1e-4] * 3 + [1e-5] * 2)
    every = training(7, {"kind": "step", "factor": 0.5, "every": 3})
    assert rates(every) == pytest.approx([1e-3] * 3 + [5e-4] * 3 + [2.5e-4])
    both = training(7, {"kind": "step", "factor": 0.1, "every": 3, "at": [4]})
    assert rates(both) == pytest.approx([1e-3] * 3 + [1e-4] + [1e-5] * 2 + [1e-6])


def test_a_warm_up_goes_before_every_schedule_but_one_cycle():
    assert rates(training(6, {"warmup_steps": 4})) == pytest.approx(
        [0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3, 1e-3]
    )
    falling = training(6, {"kind": "step", "factor": 0.1, "at": [3], "warmup_steps": 2})
    assert rates(falling) == pytest.approx([0.5e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4])
    cosine = training(6, {"kind": "cosine", "warmup_steps": 2})  # four updates are left to it
    expected = [0.5e-3, 1e-3, *(0.5e-3 * (1 + math.cos(math.pi * k / 4)) for k in range(4))]
    assert rates(cosine) == pytest.approx(expected)
    with pytest.raises(ConfigError, match="warmup_steps"):
        load_config("conv_lstm_openstl", overrides=["training.schedule.warmup_steps=5"])


def test_what_a_schedule_cannot_do_is_refused():
    with pytest.raises(ConfigError, match="rmsprop has no momentum to cycle"):
        load_config("conv_lstm_shi", overrides=["training.schedule.kind=one_cycle"])
    with pytest.raises(ConfigError, match="needs every or at"):
        load_config("e3d", overrides=["training.schedule.kind=step"])


def test_the_published_schedules():
    fc_lstm = load_config("fc_lstm").training
    assert learning_rate(10_000, fc_lstm) == pytest.approx(1e-4)
    assert learning_rate(20_001, fc_lstm) == pytest.approx(0.81e-4)
    prednet = load_config("prednet").training  # 75 of 150 epochs of 125 updates, then a tenth
    assert [learning_rate(s, prednet) for s in (9_375, 9_376)] == pytest.approx([1e-3, 1e-4])
    openstl = load_config("conv_lstm_openstl").training
    assert learning_rate(1, openstl) == pytest.approx(5e-4 / 25)
    assert learning_rate(37_500, openstl) == pytest.approx(5e-4)
    assert learning_rate(125_000, openstl) == pytest.approx(5e-4 / 25 / 1e4)


# --- in a run ---

CYCLE = (
    "training.schedule.kind=one_cycle",
    "training.steps=4",
    "training.checkpoint_every=2",
    "training.validate_every=4",
    "training.clip.kind=global_norm",
    "training.clip.norm=0.5",
)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Four updates with one cycle and clipped gradients; the run and its last checkpoint."""
    job = tiny.job(tiny.dense(tmp_path_factory.mktemp("cycle"), *CYCLE))
    run_stages(job, ("prepare", "train"))
    return job, read_state(Checkpoints(job.run.checkpoints).path(4))


def test_a_run_follows_its_schedule_and_logs_it(straight):
    job, state = straight
    with job.run.train_log.open() as file:
        rows = list(csv.DictReader(file))
    config = job.experiment.training
    assert [float(r["learning_rate"]) for r in rows] == pytest.approx(rates(config))
    assert [float(r["momentum"]) for r in rows] == pytest.approx(
        [momentum(step, config) for step in range(1, 5)]
    )
    # what the optimizer used in the last update
    assert float(state["optimizer/optimizer/beta_1"]) == pytest.approx(0.95)
    assert float(state["optimizer/optimizer/learning_rate"]) == pytest.approx(1e-2 / 25 / 1e4)


def test_a_run_in_the_middle_of_its_cycle_resumes_exactly(straight):
    job, _ = straight
    tiny.assert_resumes_exactly(job, job.run.train_log, (4,))


# --- clipping ---


def test_clipping_by_hand():
    gradients = [np.array([3.0, 0.0], "float32"), np.array([[-4.0]], "float32")]  # norm 5
    norm = TrainingConfig.model_validate({"clip": {"kind": "global_norm", "norm": 1.0}}).clip
    clipped = [np.array(g) for g in clip_gradients(gradients, norm)]
    np.testing.assert_allclose(clipped[0], [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(clipped[1], [[-0.8]], rtol=1e-6)
    large = norm.model_copy(update={"norm": 6.0})
    for clipped, gradient in zip(clip_gradients(gradients, large), gradients, strict=True):
        np.testing.assert_array_equal(clipped, gradient)
    value = TrainingConfig.model_validate({"clip": {"kind": "value", "value": 3.5}}).clip
    clipped = [np.array(g).tolist() for g in clip_gradients(gradients, value)]
    assert clipped == [[3.0, 0.0], [[-3.5]]]


class Recorder:
    """An optimizer's place: keeps what it is given."""

    def apply(self, gradients, variables):
        del variables
        self.gradients = [np.array(gradient) for gradient in gradients]


@pytest.mark.parametrize("kind", ["global_norm", "value"])
def test_the_gradient_of_a_whole_batch_is_clipped_in_any_micro_batches(kind, tmp_path, monkeypatch):
    name, limit = {"global_norm": "norm", "value": "value"}[kind], 0.05
    changes = (f"training.clip.kind={kind}", f"training.clip.{name}={limit}")
    experiment = tiny.dense(tmp_path, *changes)
    trainer = build_trainer(experiment, Devices(experiment))
    frames = np.random.default_rng(0).random((4, 6, 12, 16, 1)).astype("float32")
    batch = {"frames": tf.constant(frames), "teacher_forcing_mask": tf.zeros((4, 2))}
    plain = trainer.summed_gradients(batch)[1]
    assert max(np.abs(np.array(g)).max() for g in plain) > limit
    given = {}
    for micro_batch in (1, 2, 4):
        trainer.micro_batch = micro_batch
        recorder = Recorder()
        monkeypatch.setattr(trainer, "optimizer", recorder)
        trainer.train_step(batch)
        given[micro_batch] = recorder.gradients
    norm = math.sqrt(sum(float(np.sum(np.square(g))) for g in map(np.array, plain)))
    for gradient, *clipped in zip(plain, *given.values(), strict=True):
        gradient = np.array(gradient)
        expected = np.clip(gradient, -limit, limit) if kind == "value" else gradient * limit / norm
        for each in clipped:
            np.testing.assert_allclose(each, expected, rtol=1e-3, atol=1e-6)
