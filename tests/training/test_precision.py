"""Precision, XLA, determinism and a frozen decoder: each is on where it is asked for."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as tf_config

from tests.helpers import tiny
from tfvp.backend.tensorflow import xla_errors
from tfvp.config.loading import load_config
from tfvp.errors import TrainingError
from tfvp.experiment.stages import run_stages
from tfvp.inference.predictor import trained_network
from tfvp.layers.tensor_layer_norm import TensorLayerNorm
from tfvp.models.build import build_model
from tfvp.models.prednet.network import _means
from tfvp.models.predrnn.network import absolute_cosine
from tfvp.runs.provenance import collect_provenance
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer

SMALL = tiny.OF_ANY
MODEL = {
    "predrnn_decoupled": ("model.hidden=[4]", "model.cell.kernel=3", "model.cell.layer_norm=true"),
    "prednet": ("model.channels=[4]",),
    "simple_lstm": ("model.encoder=[12]", "model.decoder=[12]"),
}
# frames in whose place a prediction may be fed
FED = {"predrnn_decoupled": 4, "prednet": 2, "simple_lstm": 2}


def trainer_of(config, *changes):
    experiment = load_config(config, overrides=[*SMALL, *MODEL[config], *changes])
    return build_trainer(experiment, Devices(experiment))


def batch_of(config):
    frames = np.random.default_rng(0).random((4, 6, 12, 16, 1)).astype("float32")
    return {"frames": tf.constant(frames), "teacher_forcing_mask": tf.ones((4, FED[config]))}


def to_numpy(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


BFLOAT16 = "training.precision=mixed_bfloat16"


@pytest.mark.parametrize("config", MODEL)
def test_training_computes_in_bfloat16_and_sums_its_loss_in_float32(config):
    trainer, batch = trainer_of(config, BFLOAT16), batch_of(config)
    inside = {layer.compute_dtype for layer in trainer.predictor._flatten_layers()}
    assert inside == {"bfloat16"}
    own = "network" in trainer.summed_loss.weights
    outputs = trainer.predictor.training_outputs(batch, 3, auxiliary=own)
    predicted, likeness = outputs.predictions, sum(outputs.auxiliary.values())
    assert predicted.dtype == tf.bfloat16
    before = [to_numpy(w).copy() for w in trainer.trainable_variables]
    logs = trainer.train_step(batch)
    truth = to_numpy(trainer.predictor.targets(batch["frames"], 3))
    error = to_numpy(predicted).astype("float64") - truth
    assert float(logs["l2"]) == pytest.approx(0.5 * np.square(error).sum() / 4, rel=1e-5)
    if own:
        assert likeness.dtype == tf.float32
        assert float(logs["network"]) == pytest.approx(float(tf.reduce_mean(likeness)), rel=1e-5)
    for weight, old in zip(trainer.trainable_variables, before, strict=True):
        assert weight.dtype == "float32"
        assert not np.array_equal(to_numpy(weight), old)
    kept = [*trainer.average.averages, *trainer.optimizer.variables]
    assert {v.dtype for v in kept} <= {"float32", "int64", "int32"}


@pytest.mark.slow
def test_float32_is_what_everything_else_computes_in(tmp_path):
    job = tiny.job(tiny.dense(tmp_path, "training.steps=1", BFLOAT16))
    run_stages(job, ("prepare", "train"))
    assert keras.config.dtype_policy().name == "float32"
    network, _ = trained_network(job.run, job.experiment)
    assert {layer.compute_dtype for layer in network._flatten_layers()} == {"float32"}
    assert build_model(job.experiment, "mixed_bfloat16").compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    "norm",
    [
        TensorLayerNorm(1e-5, dtype="mixed_bfloat16"),
        keras.layers.LayerNormalization(axis=(1, 2, 3), epsilon=1e-5, dtype="mixed_bfloat16"),
    ],
    ids=["tensor_layer_norm", "keras"],
)
def test_norms_take_their_statistics_in_float32(norm):
    rng = np.random.default_rng(0)
    # far from 0 and narrow: bfloat16 has 8 bits, in which the mean would be off by a deviation
    x = keras.ops.cast(rng.normal(100.0, 1.0, (2, 16, 16, 8)), "bfloat16")
    exact = to_numpy(x).astype("float64")
    expected = exact - exact.mean(axis=(1, 2, 3), keepdims=True)
    expected /= np.sqrt(exact.var(axis=(1, 2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(to_numpy(norm(x)), expected, atol=0.01, rtol=2**-7)


def test_the_networks_own_losses_are_float32():
    rng = np.random.default_rng(0)
    a, b = (keras.ops.cast(rng.random((2, 16, 16, 3)), "bfloat16") for _ in range(2))
    x, y = (to_numpy(each).astype("float64") for each in (a, b))
    lengths = [np.sqrt(np.square(each).sum(axis=(1, 2))) for each in (x, y)]
    cosine = np.abs((x * y).sum(axis=(1, 2))) / (lengths[0] * lengths[1])
    np.testing.assert_allclose(to_numpy(absolute_cosine(a, b)), cosine, rtol=1e-5)
    means = np.stack([x.mean(axis=(1, 2, 3)), y.mean(axis=(1, 2, 3))], axis=-1)
    np.testing.assert_allclose(to_numpy(_means([a, b])), means, rtol=1e-5)


# --- XLA ---


def one_update(monkeypatch, *changes):
    """Loss and weights after one update of `fit`, and the function that `fit` made of a step."""
    made, plain = [], tf.function

    def noted(*arguments, **settings):
        made.append(plain(*arguments, **settings))
        return made[-1]

    # Adam's first step is the sign of a gradient, which rounding decides where it is all but zero.
    linear = ("kind=clipped_momentum", "learning_rate=1.0", "momentum=0.9", "clip=10.0")
    optimizer = (f"training.optimizer.{change}" for change in linear)
    trainer = trainer_of("simple_lstm", *optimizer, *changes)
    batch = batch_of("simple_lstm")
    with monkeypatch.context() as patch:
        patch.setattr(tf, "function", noted)
        data = tf.data.Dataset.from_tensors(batch).repeat()
        history = trainer.fit(data, epochs=1, steps_per_epoch=1, verbose=0, shuffle=False)
    (step,) = (each for each in made if each.python_function.__name__ == "one_step_on_data")
    weights = [to_numpy(weight) for weight in trainer.predictor.weights]
    return history.history["loss"][0], weights, lambda: step.experimental_get_compiler_ir(batch)


@pytest.mark.slow
def test_xla_compiles_the_update_which_stays_the_same(monkeypatch):
    loss, weights, compiler_ir = one_update(monkeypatch, "training.xla=false")
    with pytest.raises(ValueError, match="jit_compile"):
        compiler_ir()
    before = trainer_of("simple_lstm").predictor.get_weights()
    assert max(np.abs(now - then).max() for now, then in zip(weights, before, strict=True)) > 1e-3
    of_xla, weights_of_xla, compiler_ir = one_update(monkeypatch, "training.xla=true")
    assert compiler_ir()(stage="hlo").startswith("HloModule")
    assert of_xla == pytest.approx(loss, rel=1e-5)
    for ours, theirs in zip(weights_of_xla, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_what_xla_cannot_compile_is_one_line():
    @tf.function(jit_compile=True)
    def in_python(x):
        return tf.numpy_function(np.sin, [x], tf.float32)

    with pytest.raises(TrainingError, match=r"training.xla: .*; set it to false") as caught:
        with xla_errors(True):
            in_python(tf.zeros(3))
    assert "\n" not in str(caught.value)
    with pytest.raises(tf.errors.InvalidArgumentError), xla_errors(False):
        in_python(tf.zeros(3))


# --- determinism ---


def test_deterministic_operations_are_asked_for_and_recorded(tmp_path):
    try:
        for wanted in (False, True):
            experiment = tiny.dense(tmp_path, f"training.deterministic={str(wanted).lower()}")
            Devices(experiment)
            assert tf_config.is_op_determinism_enabled() == wanted
            assert collect_provenance(experiment, "", "")["deterministic"] is wanted
    finally:
        tf_config.disable_op_determinism()


# --- the decoder ---

NETWORKS = {
    "e3d_residual": ("model.hidden=[4, 4]", "model.cell.kernel=[2, 3, 3]"),
    "conv_lstm_stack": ("model.hidden=[4]", "model.cell.kernel=[3, 3]"),
    "conv_lstm_shi": ("model.hidden=[4]", "model.cell.kernel=[3, 3]"),
    "predrnn": ("model.hidden=[4]", "model.cell.kernel=3"),
    "predrnn_pp": ("model.hidden=[4, 4]", "model.cell.kernel=3"),
    "prednet": ("model.channels=[4]",),
    "fc_lstm": ("model.hidden=[8]",),
    "simple_lstm": ("model.encoder=[8]", "model.decoder=[8]"),
}


@pytest.mark.parametrize("config", NETWORKS)
def test_the_decoder_of_every_network_can_be_frozen(config):
    changes = [*SMALL, *NETWORKS[config], "training.freeze_decoder=true"]
    experiment = load_config(config, overrides=changes)
    trainer = build_trainer(experiment, Devices(experiment))
    decoder = trainer.predictor.core.decoder.weights
    assert decoder
    trained = {weight.path for weight in trainer.trainable_variables}
    assert trained
    assert not trained & {weight.path for weight in decoder}
    assert trained | {weight.path for weight in decoder} == {
        weight.path for weight in trainer.predictor.weights
    }


@pytest.mark.parametrize(
    ("precision", "flags", "is_slow"),
    [
        ("mixed_bfloat16", "fpu avx512f", True),
        ("mixed_bfloat16", "fpu avx512_bf16", False),
        ("mixed_bfloat16", "fpu amx_bf16 amx_tile", False),
        ("float32", "fpu avx512f", False),
        ("mixed_bfloat16", None, False),  # a system that does not say
    ],
)
def test_a_precision_that_this_cpu_has_no_instructions_for_is_said(
    precision, flags, is_slow, tmp_path
):
    cpu = tmp_path / "cpuinfo"
    if flags:
        cpu.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    devices = Devices(load_config("predrnn", preset="quick"))
    said = devices.slow_precision(precision, cpu)
    assert ("no bfloat16 instructions" in (said or "")) == is_slow


def test_it_is_said_before_training_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(Devices, "slow_precision", lambda self, precision: f"slow: {precision}")
    changes = ("training.precision=mixed_bfloat16", "training.steps=1", *MODEL["simple_lstm"])
    job = tiny.job(tiny.of("simple_lstm", tmp_path, *changes))
    run_stages(job, ("prepare", "train"))
    said = job.console.export_text()
    assert -1 < said.index("slow: mixed_bfloat16") < said.index("timing one")
