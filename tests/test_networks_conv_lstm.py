"""ConvLSTM networks: counts of the literature, causality, every way through time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvp.config_files import load_config
from tfvp.networks.build import build_model
from tfvp.networks.conv_lstm_stack import ConvLSTMStack
from tfvp.networks.frame_predictor import FramePredictor

PEEPHOLE = "model.cell.peephole="
WIDE = ("model.cell.kernel=[9, 9]", "model.cell.state_kernel=[1, 1]")
COUNTS = {
    # one stack: as it was published, and what else it could have been
    ("conv_lstm_stack", ()): 3_700_481,
    ("conv_lstm_stack", (f"{PEEPHOLE}channel",)): 3_701_249,
    ("conv_lstm_stack", ("model.patch_px=4",)): 3_896_336,
    ("conv_lstm_stack", ("model.patch_px=4", f"{PEEPHOLE}channel")): 3_897_104,
    ("conv_lstm_stack", ("model.patch_px=4", f"{PEEPHOLE}full")): 4_092_944,
    ("conv_lstm_shi", ()): 7_585_296,
    ("conv_lstm_shi", ("model.order=reversed",)): 7_585_296,
    ("conv_lstm_shi", ("model.hidden=[128, 128]",)): 10_042_896,
    ("conv_lstm_shi", ("model.hidden=[256]",)): 13_524_496,
    ("conv_lstm_shi", (*WIDE, "model.hidden=[128, 128]")): 11_550_224,
    ("conv_lstm_shi", WIDE): 8_830_480,
    ("conv_lstm_shi", (f"{PEEPHOLE}full",)): 7_976_976,  # the formula read literally: not published
    ("conv_lstm_openstl", ()): 11_675_648,
    ("conv_lstm_openstl", ("model.hidden=[192, 192, 192, 192]",)): 26_115_072,
}
CELL = {"kernel": (3, 3), "state_kernel": (3, 3)}


@pytest.mark.parametrize(("config", "changes"), COUNTS, ids=lambda x: " ".join(x) or "as is")
def test_parameter_counts(config, changes):
    experiment = load_config(config, overrides=changes)
    assert build_model(experiment).count_params() == COUNTS[config, changes]


def stack() -> FramePredictor:
    core = ConvLSTMStack((4, 3), {**CELL, "peephole": "full"}, name="core")
    return FramePredictor(core, (8, 12, 1), 4)


def top_only() -> FramePredictor:
    core = ConvLSTMStack(
        (4, 3), {**CELL, "use_bias": False}, readout="top_layer", output="linear", name="core"
    )
    return FramePredictor(core, (8, 12, 1), 2)


NETWORKS = {"stack": stack, "top_only": top_only}


@pytest.fixture(params=NETWORKS)
def predictor(request):
    keras.utils.set_random_seed(3)
    network = NETWORKS[request.param]()
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(rng.normal(0.0, 0.4, weight.shape))
    return network


def clips(batch=2, length=7):
    return np.random.default_rng(0).random((batch, length, 8, 12, 1)).astype("float32")


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_no_prediction_depends_on_a_later_frame(predictor):
    x, use_truth = clips(), np.ones((2, 2), "float32")
    before = to_numpy(predictor({"frames": x, "use_truth": use_truth}))
    for changed_frame in range(1, 7):
        changed = x.copy()
        changed[:, changed_frame] = 1 - changed[:, changed_frame]
        after = to_numpy(predictor({"frames": changed, "use_truth": use_truth}))
        np.testing.assert_array_equal(after[:, :changed_frame], before[:, :changed_frame])
        if changed_frame < 6:
            assert not np.allclose(after[:, changed_frame], before[:, changed_frame])


def test_inference_equals_training_without_truth_and_never_reads_targets(predictor):
    x, mask = clips(), np.zeros((2, 2), "float32")
    whole = to_numpy(predictor({"frames": x, "use_truth": mask}))[:, -3:]
    np.testing.assert_allclose(to_numpy(predictor.predict_frames(x[:, :4], 3)), whole, atol=1e-6)
    changed = x.copy()
    changed[:, 4:] = 0.5
    again = to_numpy(predictor({"frames": changed, "use_truth": mask}))[:, -3:]
    np.testing.assert_array_equal(again, whole)


def test_every_way_through_time_agrees(predictor):
    x = clips()[:, :4]

    def predict(context):
        return predictor.predict_frames(context, 3)

    eager = to_numpy(predict(x))
    traced = tf.function(predict, autograph=False)(tf.constant(x))
    spec = tf.TensorSpec((None, None, 8, 12, 1))
    free = tf.function(predict, autograph=False, input_signature=[spec])(tf.constant(x))
    np.testing.assert_allclose(to_numpy(traced), eager, atol=1e-5)
    np.testing.assert_allclose(to_numpy(free), eager, atol=1e-5)


def test_a_keras_file_gives_the_same_network_back(predictor, tmp_path):
    predictor.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    x = clips()
    np.testing.assert_array_equal(
        to_numpy(again.predict_frames(x, 2)), to_numpy(predictor.predict_frames(x, 2))
    )
