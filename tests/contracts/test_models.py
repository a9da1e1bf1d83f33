"""The contract that every network keeps: time, files, exports, training."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import with_slow
from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError, RunError
from tfvp.export.runtimes import FORMATS, export_runtime
from tfvp.export.saved_model import _save
from tfvp.models.build import build_model
from tfvp.models.clip import ClipPredictor
from tfvp.models.encoder_decoder import EncoderDecoderPredictor
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.models.registry import MODELS
from tfvp.training.checkpoints import restore, state_of
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer

SHAPE, CONTEXT, HORIZON = (8, 16, 1), 2, 2
LENGTH = CONTEXT + HORIZON
CELL = ("cell.kernel=[3, 3]", "cell.state_kernel=[3, 3]")
CODER = ("hidden=4", "stages=2")
ATTENTION = ("translator_hidden=10", "blocks=3", "mlp_ratio=2", "drop_path=0.3")
FLOW = ("flow.enlarge=8", "flow.updates=1")
VPN = ("channels=8", "encoder_dilations=[1, 2]", "decoder_blocks=2", "top=[6]")
# network, and behind it a variant -> a configuration, and how to make a small one of it
SMALL: dict[str, tuple[str, tuple[str, ...]]] = {
    "eidetic_stack": ("e3d_residual", ("hidden=[3, 3]", "cell.kernel=[2, 3, 3]")),
    "eidetic_stack carried": ("e3d_paper", ("hidden=[3, 3]", "cell.kernel=[2, 3, 3]")),
    "conv_lstm_stack": ("conv_lstm_stack", (*CELL, "hidden=[4, 3]", "cell.peephole=full")),
    "conv_lstm_stack openstl": ("conv_lstm_openstl", (*CELL, "hidden=[4, 3]")),
    "conv_lstm_forecaster": ("conv_lstm_shi", (*CELL, "hidden=[4, 3]")),
    "conv_lstm_forecaster reversed": (
        "conv_lstm_shi",
        (*CELL, "hidden=[4, 3]", "order=reversed"),
    ),
    "conv_lstm_skip": ("conv_lstm_skip", (*CELL, "hidden=4", "kernel=3")),
    "conv_lstm_skip report": ("conv_lstm_skip_report", (*CELL, "hidden=4", "kernel=3")),
    "fc_lstm": ("fc_lstm", ("hidden=[5, 4]",)),
    "fc_lstm future": (
        "fc_lstm",
        ("hidden=[5]", "reconstruction=none", "future=unconditional", "output=linear"),
    ),
    "fc_lstm past": ("fc_lstm_autoencoder_500", ("hidden=[5]",)),
    "conv_lstm_forecaster past": ("conv_lstm_autoencoder", (*CELL, "hidden=[4]")),
    "simple_lstm": ("simple_lstm", ("encoder=[6, 5]", "decoder=[7]")),
    "predrnn": ("predrnn", ("hidden=[4, 4]", "cell.kernel=3")),
    "predrnn layer_norm": ("predrnn", ("hidden=[4, 4]", "cell.kernel=3", "cell.layer_norm=true")),
    "predrnn 2017": ("predrnn_2017", ("hidden=[4, 4]", "cell.kernel=3")),
    "predrnn decoupled": ("predrnn_decoupled", ("hidden=[4, 4]", "cell.kernel=3")),
    "predrnn_pp": ("predrnn_pp", ("hidden=[5, 4]", "cell.kernel=3")),
    "prednet": ("prednet", ("channels=[6, 4]",)),
    "prednet st_lstm": ("prednet_st_lstm", ("channels=[4]",)),
    "recurrent_autoencoder": ("autoencoder_conv_lstm", ("hidden=[3, 4]",)),
    "recurrent_autoencoder released": (
        "autoencoder_conv_lstm",
        ("hidden=[3, 4]", "remember=first_cell", "cell.peephole=conv_released"),
    ),
    "simvp": ("simvp", ("hidden=8", "stages=2", "translator_hidden=16", "blocks=2")),
    "simvp gsta": ("simvp_gsta", (*CODER, *ATTENTION)),
    "tau": ("tau", (*CODER, *ATTENTION, "training.loss.network=0")),
    "tau_flow": ("tau_flow", (*CODER, *ATTENTION, *FLOW, "training.loss.network=0")),
    "tau_flow learned": (
        "tau_seed004",
        (*CODER, "translator_hidden=10", "blocks=3", *FLOW, "training.loss.network=0"),
    ),
    "dfn": ("dfn", ("width=2", "kernel=3")),
    "dfn refined": ("dfn", ("width=2", "kernel=3", "dynamic_bias=true", "refinement=true")),
    "frnn": ("frnn", ("hidden=[2, 3, 3, 2, 3]", "kernels=[3, 3, 3, 3, 3]")),
    "dfn baseline": ("dfn", ("width=2", "kernel=3", "dynamic=false")),
    "cdna": ("cdna", ("hidden=[3, 4, 3, 4, 5, 3, 4]", "kernel=3", "masks=3")),
    "cdna dna": ("dna", ("hidden=[3, 4, 3, 4, 5, 3, 4]", "kernel=3", "heads=linear")),
    "cdna stp": ("stp", ("hidden=[3, 4, 3, 4, 5, 3, 4]", "masks=3")),
    "spatio_temporal": ("spatio_temporal_conv_lstm", ("encoder=3", "hidden=4", *CELL)),
    "spatio_temporal feist": ("spatio_temporal_feist", ("encoder=3", "hidden=4", *CELL)),
    "spatio_temporal patraucean": ("spatio_temporal_patraucean", ("encoder=3", "hidden=4", *CELL)),
    "vpn": ("vpn", VPN),
    "vpn feist": ("vpn_feist", (*VPN, *CELL, "encoder_kernel=3", "context_kernel=3")),
    "vpn baseline": ("vpn_baseline", VPN),
}
DATA = (
    *(f"data.frame_px={list(SHAPE[:2])}", "data.digit_px=6"),
    *(f"data.context_frames={CONTEXT}", f"data.predict_frames={HORIZON}"),
    *("training.global_batch=2", "training.micro_batch=2", "evaluation.clips=null"),
)


# One of every family and kind of state; the others take minutes together.
FAST = {"conv_lstm_skip", "eidetic_stack", "fc_lstm", "predrnn", "simvp"}
# For what takes long; a variant there only if its state or its weights are of another kind.
ONE_OF_EACH = pytest.mark.parametrize("name", with_slow([*MODELS, "predrnn decoupled"], FAST))


def test_every_network_is_held_to_this_contract():
    assert {name.split()[0] for name in SMALL} == set(MODELS)


def experiment(name: str, *changes: str) -> Experiment:
    config, small = SMALL[name]
    small = [c if c.startswith("training.") else f"model.{c}" for c in small]
    return load_config(config, overrides=[*DATA, *small, *changes])


@functools.cache
def predictor_of(name: str) -> RecurrentPredictor:
    """A small network all of whose weights show in what it predicts."""
    keras.utils.set_random_seed(3)
    predictor = build_model(experiment(name))
    rng = np.random.default_rng(0)
    for weight in predictor.weights:
        fan_in = np.prod(weight.shape[:-1])
        value = rng.normal(0.0, min(0.4, 1.5 / np.sqrt(fan_in)), weight.shape)
        value = value + 1 if weight.name == "gamma" else value
        # a dead PredNet would pass any test of causality; a variance is positive
        positive = "layer_a" in weight.path or "variance" in weight.name
        weight.assign(np.abs(value) if positive else value)
    for part in predictor.core.pretrained_parts().values():
        for weight in part.weights:  # a flow of some pixels: a larger one enlarges rounding
            weight.assign(weight / 2)
    if predictor.non_trainable_weights:  # what batch normalisation has to see first
        for _ in range(4):
            predictor(
                {"frames": clips(4), "teacher_forcing_mask": np.zeros((4, HORIZON - 1))},
                training=True,
            )
    return predictor


# Autoencoders are held to what tests/models/test_reconstruction.py says of them.
PREDICTING = [name for name in SMALL if "prediction" in experiment(name).model.tasks]


@pytest.fixture(params=with_slow(PREDICTING, FAST))
def predictor(request) -> RecurrentPredictor:
    return predictor_of(request.param)


def clips(batch: int = 2, length: int = LENGTH) -> np.ndarray:
    return np.random.default_rng(0).random((batch, length, *SHAPE)).astype("float32")


def to_numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def sees_true_pixels(predictor) -> bool:
    """Whether its predictions in training are of each pixel from the true ones before it."""
    return getattr(predictor.core, "settings", {}).get("training_frame") == "true"


def called(predictor, x, truth: float) -> np.ndarray:
    mask = np.full((len(x), HORIZON - 1), truth, "float32")
    return to_numpy(predictor({"frames": x, "teacher_forcing_mask": mask}))


def test_no_prediction_depends_on_a_later_frame(predictor):
    x = np.repeat(clips(1), LENGTH + 1, axis=0)
    for frame in range(LENGTH):  # clip k + 1 differs from the first in frame k alone
        x[frame + 1, frame] = 1 - x[frame + 1, frame]
    predictions = called(predictor, x, 1.0)
    assert predictions.shape == tuple(predictor.targets(x, HORIZON).shape)
    change = np.abs(predictions[1:] - predictions[:1]).max(axis=(2, 3, 4))  # (frame, prediction)
    if isinstance(predictor, EncoderDecoderPredictor | ClipPredictor):
        change = change[:, -HORIZON:]  # what is before is the past
        reads = "future" in getattr(predictor.core, "conditional", ())
        may = [
            [frame < CONTEXT or (reads and frame < CONTEXT + t) for t in range(HORIZON)]
            for frame in range(LENGTH)
        ]
    else:
        first = LENGTH - change.shape[1]  # prediction t is of frame first + t
        first += sees_true_pixels(predictor)  # and depends on its own frame, of earlier pixels
        may = [[frame < first + t for t in range(change.shape[1])] for frame in range(LENGTH)]
    # rounding depends on a clip's place in the batch
    np.testing.assert_array_equal(change > 1e-5, may, err_msg=str(change))


def test_inference_equals_training_without_truth_and_never_reads_targets(predictor):
    x = np.repeat(clips(1), 2, axis=0)
    x[1, CONTEXT:] = 0.5
    if sees_true_pixels(predictor):
        whole = to_numpy(predictor.predict_frames(x[:, :CONTEXT], HORIZON))
    else:
        whole = called(predictor, x, 0.0)[:, -HORIZON:]
    np.testing.assert_allclose(whole[1], whole[0], atol=1e-6)
    compiled = tf.function(lambda x: predictor.predict_frames(x, HORIZON), autograph=False)
    np.testing.assert_allclose(compiled(tf.constant(x[:1, :CONTEXT])), whole[:1], atol=1e-5)


@pytest.mark.slow
def test_a_context_of_another_length_is_refused_where_the_weights_belong_to_one():
    for name in SMALL:
        predictor, fixed = predictor_of(name), experiment(name).model.fixed_context
        assert predictor.context_frames == (CONTEXT if fixed else None), name
        if fixed:
            with pytest.raises(
                ValueError, match=rf"T={CONTEXT}, .*got \(2, 3, .*{CONTEXT} context"
            ):
                predictor.predict_frames(clips(length=3), HORIZON)


@pytest.mark.slow
@ONE_OF_EACH
def test_an_export_reloaded_predicts_the_same_for_any_batch_and_length(name, tmp_path):
    predictor = predictor_of(name)
    _save(predictor, HORIZON, tmp_path / "saved")
    signatures = tf.saved_model.load(str(tmp_path / "saved")).signatures
    assert set(signatures) == {"serving_default", "serving_uint8"}
    for batch, length in ((1, 1), (2, 3)):
        x = clips(batch, predictor.context_frames or length)
        eager = to_numpy(predictor.predict_frames(x, HORIZON))
        exported = signatures["serving_default"](context=tf.constant(x))["predictions"]
        np.testing.assert_allclose(to_numpy(exported), eager, atol=1e-5)
    levels = np.rint(x * 255).astype("uint8")
    found = signatures["serving_uint8"](context=tf.constant(levels))["predictions"]
    wanted = to_numpy(predictor.predict_frames(levels.astype("float32") / 255, HORIZON))
    assert found.dtype == tf.uint8
    assert np.abs(to_numpy(found) - 255 * np.clip(wanted, 0, 1)).max() < 0.51


def test_a_keras_file_gives_the_same_network_back(predictor, tmp_path):
    predictor.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    x = clips()[:, :CONTEXT]
    np.testing.assert_array_equal(
        to_numpy(again.predict_frames(x, 2)), to_numpy(predictor.predict_frames(x, 2))
    )


# --- training ---


def trainer_of(name: str, *changes: str):
    of = experiment(name, *changes)
    return build_trainer(of, Devices(of))


def state(trainer) -> dict[str, np.ndarray]:
    return state_of(0, trainer.predictor, trainer.average, trainer.optimizer)


def step(trainer) -> list[np.ndarray]:
    """One update; the gradients it was made of."""
    found, apply = [], trainer.optimizer.apply

    def keep(gradients, variables):
        found.extend(to_numpy(gradient) for gradient in gradients)
        apply(gradients, variables)

    trainer.optimizer.apply = keep
    mask = np.array([[1.0], [0.0]], "float32")
    trainer.train_step({"frames": tf.constant(clips()), "teacher_forcing_mask": tf.constant(mask)})
    trainer.optimizer.apply = apply
    return found


@ONE_OF_EACH
def test_an_update_is_the_same_after_a_stop_and_in_micro_batches(name):
    # batch normalisation is of the clips that it sees at once: see the test below
    whole = experiment(name).model.batch_statistics
    cut = () if whole else ("training.micro_batch=1",)
    straight, resumed = trainer_of(name), trainer_of(name, *cut)
    fresh = state(straight)
    first = step(straight)
    once = state(straight)
    for weight, gradient in zip(straight.trainable_variables, first, strict=True):
        key = f"weights/{weight.path}"
        if np.abs(gradient).max() > 1e-5:
            assert not np.array_equal(once[key], fresh[key]), key
    restore(once, resumed.predictor, resumed.average, resumed.optimizer)
    for key, value in state(resumed).items():
        np.testing.assert_array_equal(value, once[key], err_msg=key)
    weights = straight.trainable_variables
    for weight, whole, parts in zip(weights, step(straight), step(resumed), strict=True):
        atol = 1e-4 * np.abs(whole).max() + 1e-9
        np.testing.assert_allclose(parts, whole, atol=atol, err_msg=weight.path)


def test_micro_batches_are_refused_where_they_would_change_the_result():
    with pytest.raises(ConfigError, match=r"must be training\.global_batch, 2, got 1"):
        experiment("conv_lstm_skip", "training.micro_batch=1")


@ONE_OF_EACH
def test_a_frozen_decoder_is_what_makes_frames_and_nothing_else(name):
    trainer = trainer_of(name, "training.freeze_decoder=true")
    core = trainer.predictor.core
    decoder = [w.path for layer in core.decoder_layers() for w in layer.weights]
    trained = [weight.path for weight in trainer.trainable_variables]
    assert decoder
    assert trained
    never = [w.path for part in core.pretrained_parts().values() for w in part.weights]
    assert not {*never} & {*trained}
    everything = [
        w.path for w in core.weights if not w.name.startswith("moving_") and w.path not in never
    ]
    assert sorted({*decoder, *trained} & set(everything)) == sorted(everything)
    assert not set(decoder) & set(trained)


# A loop over pixels inside one over frames: tf2onnx knows no shapes of the convolutions in it.
CANNOT = {("vpn", "onnx"): r"cannot be converted: operation Conv \(\S+\): "}


@pytest.mark.slow
@ONE_OF_EACH
@pytest.mark.parametrize("kind", FORMATS)
def test_another_runtime_gives_its_numbers(name, kind, tmp_path):
    """The file in its own runtime against the network, on other lengths where they are free."""
    network, data = predictor_of(name), experiment(name).data
    if (name, kind) in CANNOT:
        with pytest.raises(RunError, match=CANNOT[name, kind]):
            export_runtime(network, data, tmp_path, kind)
        return
    path, worst = export_runtime(network, data, tmp_path, kind)
    assert worst <= 1e-5
    run = FORMATS[kind].load(path.read_bytes())
    for batch, length in [(1, CONTEXT)] if kind == "litert" else [(1, CONTEXT), (3, 4)]:
        context = clips(batch, network.context_frames or length)
        wanted = network.predict_frames(context, HORIZON)
        np.testing.assert_allclose(run(context), to_numpy(wanted), atol=1e-5)
