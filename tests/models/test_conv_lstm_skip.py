"""The ConvLSTM with skips against the released program's numbers, and its two readings."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests import GOLDENS
from tests.helpers.program_names import torch_names_of
from tests.porting.test_import_weights import torch_file
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.models.build import build_model
from tfvp.models.conv_lstm_skip.network import ConvLSTMSkip
from tfvp.models.encoder_decoder import EncoderDecoderPredictor
from tfvp.training.checkpoints import read_state
from tfvp.training.initialise import load_weights

GOLDEN = GOLDENS / "conv_lstm_skip.npz"
CELL = {"kernel": (3, 3), "state_kernel": (3, 3)}


def relative_error(ours, golden) -> float:
    ours, golden = np.asarray(ours, "float64"), np.asarray(golden, "float64")
    return float(np.linalg.norm(ours - golden) / np.linalg.norm(golden))


@pytest.fixture(scope="module")
def numbers():
    return dict(np.load(GOLDEN, allow_pickle=False))


@pytest.fixture
def predictor(numbers):
    meta = json.loads(str(numbers["meta"]))
    network = EncoderDecoderPredictor(ConvLSTMSkip(meta["hidden"], 3, CELL), (6, 8, 1))
    for name, takers in torch_names_of(network).items():
        for variable, take in takers:
            variable.assign(take(numbers[f"var/{name}"]))
    return network


@pytest.fixture(scope="module")
def clips(numbers):
    return numbers["in/frames"][..., None].astype("float32") / 255


def test_predictions_of_the_released_program(predictor, numbers, clips):
    ours = predictor.predict_frames(clips[:, :4], 4)
    assert relative_error(ours[..., 0] * 255, numbers["out/predictions"]) < 1e-5
    more = predictor.predict_frames(clips[:, :4], 6)
    np.testing.assert_allclose(more[:, :4], ours, atol=1e-6)


def test_training_uses_the_batch_and_keeps_its_statistics(predictor, numbers, clips):
    """Loss, every gradient and the running statistics of the program's one training step."""
    batch = {"frames": tf.constant(clips), "teacher_forcing_mask": np.zeros((2, 2), "float32")}
    names = torch_names_of(predictor)
    trained = [v for v in predictor.trainable_variables]
    with tf.GradientTape() as tape:
        predictions = predictor(batch, training=True)
        loss = tf.reduce_mean(tf.square(255 * (predictions - clips[:, 4:])))
    assert relative_error(predictions[..., 0] * 255, numbers["train/predictions"]) < 1e-5
    assert float(loss) == pytest.approx(float(numbers["train/loss"]), rel=1e-5)
    gradients = tape.gradient(loss, [v.value for v in trained])
    by_variable = {id(v): g for v, g in zip(trained, gradients, strict=True)}
    largest = max(np.linalg.norm(numbers[k]) for k in numbers if k.startswith("grad/"))
    for name, takers in names.items():
        for variable, take in takers:
            if f"grad/{name}" in numbers:
                golden = take(numbers[f"grad/{name}"])
                if np.linalg.norm(golden) > 1e-6 * largest:
                    assert relative_error(by_variable[id(variable)], golden) < 1e-4, name
                else:  # a bias before a normalisation: what is there is rounding
                    assert np.linalg.norm(by_variable[id(variable)]) < 1e-5 * largest, name
    for name in ("conv1.1.running_mean", "conv2.1.running_mean", "deconv1.1.running_mean"):
        ((variable, _),) = names[name]
        assert relative_error(variable, numbers[f"train/var/{name}"]) < 1e-5, name
    # PyTorch's running variance is the unbiased one, Keras' is not: 96 values a channel here
    ((variable, _),) = names["conv1.1.running_var"]
    before, after = numbers["var/conv1.1.running_var"], numbers["train/var/conv1.1.running_var"]
    kept = 0.9**7  # 4 frames of the context and 3 of them again
    ours = kept * before + (after - kept * before) * 95 / 96
    assert relative_error(variable, ours) < 1e-5


def test_a_state_dict_of_the_program_is_imported(numbers, clips, tmp_path, capsys):
    state = {k.removeprefix("var/"): v for k, v in numbers.items() if k.startswith("var/")}
    source, out = torch_file(tmp_path / "skip.pt", state), tmp_path / "skip.npz"
    changes = [
        *("data.frame_px=[6, 8]", "data.digit_px=4", "evaluation.metrics=[mse]"),
        *("model.hidden=4", "model.kernel=3"),
        *("model.cell.kernel=[3, 3]", "model.cell.state_kernel=[3, 3]"),
    ]
    overrides = [word for change in changes for word in ("--set", change)]
    command = ["import", str(source), "--config", "conv_lstm_skip", *overrides, "--out", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.count("not used by its program") == 3  # counters of batches
    assert printed.count("enc1.conv.weight") == 2  # of one array two of ours
    assert "32 weights imported, 0 without a counterpart" in printed
    predictor = build_model(load_config("conv_lstm_skip", overrides=changes))
    load_weights(predictor, read_state(out))
    ours = predictor.predict_frames(clips[:, :4], 4)
    assert relative_error(ours[..., 0] * 255, numbers["out/predictions"]) < 1e-5


def by_hand(core, context, steps, fed):
    """The core's own steps, one after the other; `fed` gives what each of the future reads."""
    state = core.initial_state(len(context), context.shape[2:])
    for t in range(context.shape[1]):
        _, state = core.encode(context[:, t], state)
    state, predictions = core.start(state, "future"), []
    for t in range(steps):
        prediction, state = core.decode("future")(fed(t, predictions), state)
        predictions.append(prediction)
    return np.stack(predictions, axis=1)


def test_what_a_step_of_the_future_reads(predictor, clips):
    context = clips[:, :4]
    ours = predictor.predict_frames(context, 6)
    again = by_hand(predictor.core, context, 6, lambda t, _: context[:, min(t, 3)])
    np.testing.assert_allclose(ours, again, atol=1e-6)
    core = ConvLSTMSkip(4, 3, CELL, reads="predictions")
    own = EncoderDecoderPredictor(core, (6, 8, 1))
    own.set_weights(predictor.get_weights())
    ours = own.predict_frames(context, 3)
    wanted = by_hand(core, context, 3, lambda t, made: made[-1] if t else context[:, -1])
    np.testing.assert_allclose(ours, wanted, atol=1e-6)
    assert relative_error(ours[:, 1:], again[:, 1:3]) > 1e-2


def test_stride_halves_the_maps_and_the_last_layer_doubles_them(predictor, clips):
    core = ConvLSTMSkip(4, 3, CELL, stride=2)
    small = EncoderDecoderPredictor(core, (6, 8, 1))
    small.set_weights(
        [  # a transposed convolution has its channels the other way round
            np.swapaxes(w, 2, 3) if w.shape == (3, 3, 2, 1) else w for w in predictor.get_weights()
        ]
    )
    assert [s.hidden.shape for s in core.initial_state(2, (6, 8, 1))] == [(2, 3, 4, 4)] * 2
    assert small.predict_frames(clips[:, :4], 2).shape == (2, 2, 6, 8, 1)
    frame = clips[:, 0]
    whole = predictor.core._block("conv1", 255 * frame)
    half = core._block("conv1", 255 * frame)
    np.testing.assert_allclose(half, np.asarray(whole)[:, 1::2, 1::2], atol=1e-4)
