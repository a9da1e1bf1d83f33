"""TAU: OpenSTL's numbers, counts, first weights, and its divergence."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.helpers import tiny
from tests.helpers.goldens_table import errors, load, tolerance
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.models.build import build_model, count_parameters
from tfvp.models.tau.network import differential_divergence
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer


def to_numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def test_forward_and_gradients_of_openstl():
    forward, backward = errors("tau")
    limits = tolerance("tau")
    assert forward < limits[0]
    assert backward is not None
    assert backward < limits[1]


def test_divergence_of_openstl():
    numbers = load("tau").numbers
    found = differential_divergence(numbers["out/predictions"], numbers["in/target"])
    assert float(ops.mean(found)) == pytest.approx(float(numbers["out/diff_div"]), rel=1e-5)


@pytest.mark.parametrize(
    ("preset", "count"), [(None, 44_656_001), ("kth", 14_955_201), ("kitti", 14_956_483)]
)
def test_parameter_counts(preset, count):
    assert count_parameters(load_config("tau", preset=preset)) == count


# --- the divergence ---


def test_divergence_is_the_formula():
    rng = np.random.default_rng(0)
    predictions, targets = rng.random((2, 2, 4, 5, 6, 2))
    wanted = []
    for prediction, target in zip(predictions, targets, strict=True):
        terms = []
        for t in range(3):
            p, q = (np.exp((x[t + 1] - x[t]).ravel() / 0.1) for x in (prediction, target))
            p, q = p / p.sum(), q / q.sum()
            terms.append(p * np.log(p / (q + 1e-12) + 1e-12))
        wanted.append(np.mean(terms))
    found = differential_divergence(predictions.astype("float32"), targets.astype("float32"))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    blind = differential_divergence(targets.astype("float32") + 0.3, targets.astype("float32"))
    np.testing.assert_allclose(blind, 0, atol=1e-7)


def test_divergence_needs_three_frames():
    frames = np.random.default_rng(0).random((2, 2, 4, 4, 1)).astype("float32")
    np.testing.assert_array_equal(differential_divergence(frames, frames[::-1].copy()), [0, 0])
    with pytest.raises(ConfigError, match="at least 3 predicted frames"):
        load_config("tau", overrides=["data.predict_frames=2"])


@pytest.mark.slow
def test_divergence_is_trained_beside_the_squared_error():
    experiment = load_config(
        "tau", preset="quick", overrides=["model.hidden=4", "training.global_batch=2",
                                          "training.micro_batch=2"]
    )  # fmt: skip
    trainer = build_trainer(experiment, Devices(experiment))
    for block in trainer.predictor.core.translator.blocks:
        block.drop = None
    clips = np.random.default_rng(0).random((2, 10, 32, 32, 1)).astype("float32")
    batch = {"frames": clips, "teacher_forcing_mask": np.zeros((2, 4), "float32")}
    outputs = trainer.predictor.training_outputs(batch, 5, auxiliary=True)
    logs = trainer.train_step({name: tf.constant(value) for name, value in batch.items()})
    squares = float(ops.mean(ops.square(outputs.predictions - clips[:, 5:])))
    divergence = float(ops.mean(differential_divergence(outputs.predictions, clips[:, 5:])))
    assert float(logs["network"]) == pytest.approx(divergence, rel=1e-4)
    assert float(logs["loss"]) == pytest.approx(squares + 0.1 * divergence, rel=1e-4)


def test_first_weights_of_the_attention_are_pytorchs_own():
    """It is made after the block gave its layers their first weights; the MLP has those."""
    keras.utils.set_random_seed(0)
    block = build_model(load_config("tau", preset="quick")).core.translator.blocks[1]
    attention, width = block.attention, 64
    assert attention.squeeze.kernel.shape == (64, 16)
    for layer, fan_in in (
        (attention.proj_1, width),
        (attention.near, 25),
        (attention.far, 49),
        (attention.mix, width),
        (attention.squeeze, width),
        (attention.excite, 16),
        (attention.proj_2, width),
    ):
        bound = fan_in**-0.5
        for weight in layer.weights:  # kernel, and bias if there is one
            largest = float(ops.max(ops.abs(weight)))
            assert 0.9 * bound < largest <= bound, weight.path
        deviation = float(ops.std(layer.kernel))
        assert deviation == pytest.approx(bound / 3**0.5, rel=0.06), layer.path
    assert float(ops.std(block.mlp.near.kernel)) == pytest.approx((2 / 9) ** 0.5, rel=0.06)
    assert not to_numpy(block.mlp.near.bias).any()


SMALL = (
    *("model.hidden=4", "model.translator_hidden=8", "model.stages=2", "model.blocks=2"),
    *(
        "model.mlp_ratio=2",
        "model.drop_path=0.4",
        "training.micro_batch=4",
        "data.frame_px=[12,16]",
    ),
)


@pytest.mark.slow
def test_a_run_goes_on_with_the_draws_that_it_would_have_made(tmp_path, capsys):
    """Stochastic depth is resumed exactly; what its network cannot continue is said in a line."""
    small = (*SMALL, "data.train_source=records")
    job = tiny.job(tiny.of("tau", tmp_path, *small))
    run_stages(job, ("prepare", "train"))
    tiny.assert_resumes_exactly(job, job.run.train_log, (6,))
    clip, out = tmp_path / "clip.npy", tmp_path / "out.npy"
    np.save(clip, np.zeros((2, 12, 16), "uint8"))
    command = ["predict", "--run", str(job.run.root), "--input", str(clip), "--output", str(out)]
    assert main([*command, "--context", "2"]) == 2
    assert "--context: tau takes 3 frames and no other number, got 2" in capsys.readouterr().err
    assert main(command) != 0
    assert "has 2 frames, the network continues 3; give a longer clip\n" in capsys.readouterr().err
