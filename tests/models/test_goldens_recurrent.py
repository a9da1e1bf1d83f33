"""PredRNN, PredRNN++ and PredNet against numbers that their authors' programs produced."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import GOLDENS
from tests.helpers.goldens_table import FORWARD, tolerance
from tests.helpers.program_names import variables_of
from tfvp.models.prednet.network import PredNet
from tfvp.models.predrnn.network import PredRNN
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.models.rollout import rollout

NETWORKS = {
    "predrnn": PredRNN,
    "predrnn_layer_norm": PredRNN,
    "predrnn_pp": PredRNNPP,
    "predrnn_pp_no_norm": PredRNNPP,
}


def relative_error(ours, golden) -> float:
    ours, golden = np.asarray(ours, "float64"), np.asarray(golden, "float64")
    return float(np.linalg.norm(ours - golden) / max(np.linalg.norm(golden), 1e-12))


def from_torch(value):
    """(out, in, rows, columns) and (channels, rows, columns) in Keras' order."""
    return np.transpose(value, {4: (2, 3, 1, 0), 3: (1, 2, 0)}[value.ndim])


@pytest.fixture(scope="module", params=NETWORKS)
def golden(request):
    """A golden, our network with its weights, and the golden's arrays in our order."""
    numbers = np.load(GOLDENS / f"{request.param}.npz", allow_pickle=False)
    meta = json.loads(str(numbers["meta"]))
    turn = from_torch if "torch" in meta.get("layout", "") else np.asarray
    core = NETWORKS[request.param](
        tuple(meta["hidden"]), meta["filter_size"], layer_norm=bool(meta["layer_norm"])
    )
    predictor = RecurrentPredictor(core, (meta["grid"], meta["grid"], meta["channels"]))
    names = variables_of(core)
    assert set(names) == {key[4:] for key in numbers.files if key.startswith("var/")}
    for name, weight in names.items():
        weight.assign(turn(numbers[f"var/{name}"]))
    return numbers, predictor, turn, meta["input_length"]


@pytest.fixture
def limits(request):
    return tolerance(request.node.callspec.params["golden"])


def test_teacher_forced_predictions_loss_and_every_gradient(golden, limits):
    numbers, predictor, turn, _ = golden
    forward, backward = limits
    frames, flag = numbers["in/frames"], numbers["in/real_input_flag"]
    batch = {"frames": tf.constant(frames), "teacher_forcing_mask": tf.constant(flag[..., 0, 0, 0])}
    names = variables_of(predictor)
    weights = [weight.value for weight in names.values()]
    with tf.GradientTape() as tape:
        predictions = predictor(batch)
        squares = tf.square(predictions - frames[:, 1:])
        torch = turn is from_torch  # the mean there, half the sum in TF1
        loss = tf.reduce_mean(squares) if torch else 0.5 * tf.reduce_sum(squares)
    assert relative_error(predictions, numbers["out/predictions"]) < forward
    assert relative_error(predictions[:, :3], numbers["out/predictions"][:, :3]) < FORWARD
    assert float(loss) == pytest.approx(float(numbers["out/loss"]), rel=1e-5)
    for name, gradient in zip(names, tape.gradient(loss, weights), strict=True):
        assert relative_error(gradient, turn(numbers[f"grad/{name}"])) < backward, name


def test_free_running_predictions(golden, request):
    if request.node.callspec.params["golden"] == "predrnn_pp":
        pytest.skip("float32 cannot decide it: tests/models/test_goldens_predrnn_pp.py, in float64")
    numbers, predictor, turn, context = golden
    if turn is from_torch:
        mask = np.zeros(numbers["in/real_input_flag"].shape[:2], "float32")
        whole = predictor({"frames": numbers["in/frames"], "teacher_forcing_mask": mask})[
            :, context - 1 :
        ]
    else:
        whole = numbers["out/predictions_free_running"][:, context - 1 :]
    horizon = whole.shape[1]
    ours = predictor.predict_frames(numbers["in/frames"][:, :context], horizon)
    assert relative_error(ours, whole) < FORWARD


@pytest.fixture(scope="module")
def prednet():
    numbers = np.load(GOLDENS / "prednet.npz", allow_pickle=False)
    core = PredNet((4, 6), error_weights=(1.0, 0.1, 0.1))
    predictor = RecurrentPredictor(core, (8, 12, 3), late_feedback=True)
    order = json.loads(str(numbers["meta"]))["weight_order"]
    for i, (name, weight) in enumerate(variables_of(core).items()):
        assert order[i] == f"pred_net_1/{name}:0"
        weight.assign(numbers[f"var/{i:02}/{order[i]}"])
    return numbers, predictor


@pytest.mark.parametrize("mode", ["prediction", "error", "R0", "E2"])
def test_prednet_output_modes(prednet, mode):
    numbers, predictor = prednet
    frames = numbers["in/frames"]
    state = predictor.core.initial_state(2, (8, 12, 3))
    ours = rollout(predictor.core.observe(mode), state, frames, predict_frames=1)
    assert relative_error(ours, numbers[f"out/{mode}"]) < 1e-5


def test_prednet_modes_without_a_golden_agree_with_those_that_have_one(prednet):
    numbers, predictor = prednet
    core, frames = predictor.core, numbers["in/frames"]

    def observed(mode):
        state = core.initial_state(2, (8, 12, 3))
        return np.asarray(rollout(core.observe(mode), state, frames, predict_frames=1))

    flat = observed("all")
    np.testing.assert_array_equal(flat[..., :-3].reshape(frames.shape), observed("prediction"))
    np.testing.assert_array_equal(flat[..., -3:], observed("error"))
    np.testing.assert_array_equal(observed("A0"), frames)
    np.testing.assert_array_equal(observed("Ahat0"), observed("prediction"))
    for layer in "12":  # E is the two halves of the difference of the prediction and A
        e, a, ahat = (observed(kind + layer) for kind in ("E", "A", "Ahat"))
        above, below = np.split(e, 2, axis=-1)
        np.testing.assert_allclose(above - below, ahat - a, atol=1e-6)
    with pytest.raises(ValueError, match=r"mode: expected prediction.* got R3"):
        core.observe("R3")


def test_prednet_predictions_are_those_of_the_next_frame(prednet):
    numbers, predictor = prednet
    frames = numbers["in/frames"]
    truth = np.ones((2, 1), "float32")
    ours = predictor({"frames": frames, "teacher_forcing_mask": truth})
    assert relative_error(ours, numbers["out/prediction"][:, 1:]) < 1e-5
    extrapolated = numbers["out/prediction_extrapolated"]
    ours = predictor({"frames": frames, "teacher_forcing_mask": 0 * truth})
    assert relative_error(ours, extrapolated[:, 1:]) < 1e-5
    ours = predictor.predict_frames(frames[:, :4], 2)
    assert relative_error(ours, extrapolated[:, 4:]) < 1e-5
    prompt = RecurrentPredictor(predictor.core, (8, 12, 3)).predict_frames(frames[:, :4], 2)
    assert relative_error(prompt, extrapolated[:, 4:]) > 1e-3  # without the lag another model


def test_prednet_error_training_weighs_what_the_program_measured(prednet):
    numbers, predictor = prednet
    core, frames = predictor.core, numbers["in/frames"]
    predictions, measured = core.rollout_with_auxiliary(
        core.initial_state(2, (8, 12, 3)),
        keras.ops.convert_to_tensor(frames),
        keras.ops.ones((2, 1)),
        core.late_prediction,
    )
    assert relative_error(predictions, numbers["out/prediction"][:, 1:]) < 1e-5
    by_layer = numbers["out/error"][:, 1:] @ np.array([1.0, 0.1, 0.1])
    np.testing.assert_allclose(measured["errors"], by_layer.mean(axis=1), rtol=1e-5)
