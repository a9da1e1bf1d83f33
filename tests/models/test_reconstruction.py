"""Autoencoders that give their context back: counts, order, what their decoders read."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.cells.test_conv_lstm import by_gate
from tests.contracts.test_models import SMALL, experiment
from tests.oracles import conv_lstm, fc_lstm
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError, RunError
from tfvp.inference.predictor import Predictor
from tfvp.models.build import build_model, count_parameters
from tfvp.models.conv_lstm_forecaster.network import ConvLSTMForecaster
from tfvp.models.encoder_decoder import EncoderDecoderPredictor
from tfvp.models.fc_lstm.network import FCLSTMAutoencoder

SHAPE, LENGTH = (4, 6, 1), 3
CELL = {"kernel": (3, 3), "state_kernel": (3, 3), "peephole": "channel"}
FC = {
    "unconditional": lambda: FCLSTMAutoencoder(
        (5, 4), reconstruction="unconditional", future="none"
    ),
    "own": lambda: FCLSTMAutoencoder(
        (5, 4), reconstruction="conditional", future="none", past_reads="own"
    ),
    "truth": lambda: FCLSTMAutoencoder((5, 4), reconstruction="conditional", future="none"),
}
CONV = {
    "unconditional": lambda: ConvLSTMForecaster((3,), CELL, direction="past"),
    "own": lambda: ConvLSTMForecaster((3,), CELL, direction="past", conditional=True),
}
COUNTS = {
    "fc_lstm_autoencoder_500": 12_251_096,
    "fc_lstm_autoencoder_1500": 48_745_096,
    "fc_lstm_autoencoder_2500": 101_239_096,
    "fc_lstm_composite_conditional": 134_268_928,
    # two cells, 100 (1 + 64) 64 + 4 · 64 + 3 · 64 numbers and without input 100 · 64² + …; 65
    "conv_lstm_autoencoder": (416_000 + 448) + (409_600 + 448) + 65,
}


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def made(core) -> EncoderDecoderPredictor:
    network = EncoderDecoderPredictor(core, SHAPE)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(rng.normal(0.0, 0.5, weight.shape))
    return network


def context() -> np.ndarray:
    return np.random.default_rng(1).random((LENGTH, *SHAPE))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def of_dense_cell(cell):
    n = cell.units
    kernel = to_numpy(cell.kernel).astype("float64") if cell.kernel is not None else None
    return {
        "x": None if kernel is None else kernel.reshape(-1, 4, n),
        "h": to_numpy(cell.recurrent_kernel).astype("float64").reshape(n, 4, n),
        "b": to_numpy(cell.bias).astype("float64").reshape(4, n),
        "peephole": np.array([to_numpy(p) for p in cell.peepholes], "float64"),
    }


def stack(step, cells, weights, x, states):
    """One step of cells on each other; the last one's output."""
    for i, _ in enumerate(cells):
        states[i] = step(x, *states[i], weights[i])
        x = states[i][0]
    return x


def given_back(step, encoder, decoder, weights_of, readout, start, frames, reads):
    """The context as the equations have it, in its true order."""
    states = start
    read = [weights_of(cell) for cell in encoder]
    for frame in frames:
        stack(step, encoder, read, frame, states)
    write, frame, shown = [weights_of(cell) for cell in decoder], np.zeros_like(frames[0]), []
    for k in range(len(frames)):
        shown.append(readout(stack(step, decoder, write, frame, states)))
        frame = frames[-1 - k] if reads == "truth" else shown[-1]
    return np.stack(shown[::-1])


@pytest.mark.parametrize("reads", FC)
def test_the_lstm_autoencoder_equals_the_equations(reads):
    network, frames = made(FC[reads]()), context()
    core, decoder = network.core, network.core.past_decoder
    kernel, bias = (to_numpy(w).astype("float64") for w in decoder.readout.weights)
    wanted = given_back(
        fc_lstm.step,
        core.encoder,
        decoder.cells,
        of_dense_cell,
        lambda h: sigmoid(h @ kernel + bias),
        [(np.zeros(n), np.zeros(n)) for n in core.hidden],
        frames.reshape(LENGTH, -1),
        reads,
    )
    found = to_numpy(network.reconstruct(frames[None].astype("float32")))[0]
    np.testing.assert_allclose(found.reshape(LENGTH, -1), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reads", CONV)
def test_the_conv_lstm_autoencoder_equals_the_equations(reads):
    network, frames = made(CONV[reads]()), context()
    core = network.core
    kernel, bias = (to_numpy(w).astype("float64") for w in core.decoder.weights)
    places = (*SHAPE[:2], 3)
    wanted = given_back(
        conv_lstm.step,
        core.encoder,
        core.forecaster,
        by_gate,
        lambda h: sigmoid(h @ kernel[0, 0] + bias),
        [(np.zeros(places), np.zeros(places))],
        frames,
        reads,
    )
    found = to_numpy(network.reconstruct(frames[None].astype("float32")))[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("core", [FC["truth"], CONV["unconditional"]])
def test_training_learns_the_context_backwards_and_nothing_of_the_future(core):
    network = made(core())
    frames = np.random.default_rng(1).random((2, LENGTH + 2, *SHAPE)).astype("float32")
    batch = {"frames": frames, "teacher_forcing_mask": np.zeros((2, 1), "float32")}
    outputs = network.training_outputs(batch, 2)
    np.testing.assert_array_equal(to_numpy(outputs.targets), frames[:, :LENGTH][:, ::-1])
    # with the truth read, what is trained is what is measured, turned round
    given = to_numpy(network.reconstruct(frames[:, :LENGTH]))
    np.testing.assert_allclose(to_numpy(outputs.predictions)[:, ::-1], given, atol=1e-6)
    compiled = tf.function(network.reconstruct, autograph=False)
    np.testing.assert_allclose(compiled(tf.constant(frames[:, :LENGTH])), given, atol=1e-6)


@pytest.mark.parametrize(("config", "count"), COUNTS.items())
def test_counts(config, count):
    assert count_parameters(load_config(config)) == count


def test_a_conditional_decoder_has_more_parameters():
    count = count_parameters(load_config("fc_lstm_autoencoder_500", preset="conditional"))
    assert count == COUNTS["fc_lstm_autoencoder_500"] + 4096 * 4 * 500
    conv = count_parameters(load_config("conv_lstm_autoencoder", preset="conditional"))
    assert conv == COUNTS["conv_lstm_autoencoder"] + 25 * 4 * 64


def test_it_is_kept_in_a_keras_file(tmp_path):
    for core in (FC["own"], CONV["own"]):
        network = made(core())
        network.save(tmp_path / "network.keras")
        again = keras.saving.load_model(tmp_path / "network.keras")
        frames = context()[None].astype("float32")
        wanted = to_numpy(network.reconstruct(frames))
        np.testing.assert_array_equal(to_numpy(again.reconstruct(frames)), wanted)


def test_what_predicts_nothing_says_so():
    of = experiment("fc_lstm past")
    network = build_model(of)
    with pytest.raises(ValueError, match="predicts no frames after it"):
        network.predict_frames(np.zeros((1, 2, 8, 16, 1), "float32"), 1)
    with pytest.raises(RunError, match="reconstructs its context and predicts no frames"):
        Predictor(network, of)
    assert "fc_lstm past" in SMALL


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (
            "fc_lstm",
            ["model.future=none"],
            "evaluation.task: model.network fc_lstm with these settings is for reconstruction, "
            "got prediction",
        ),
        ("predrnn", ["evaluation.task=reconstruction"], "is for prediction, got reconstruction"),
        ("fc_lstm_autoencoder_500", ["model.reconstruction=none"], "both are none"),
        (
            "conv_lstm_autoencoder",
            ["training.loss.frames=future"],
            "training.loss.frames: model.network conv_lstm_forecaster with these settings "
            "predicts no future frames that could count; set it to all",
        ),
    ],
)
def test_a_task_that_the_network_does_not_have_is_refused(config, changes, message):
    with pytest.raises(ConfigError) as error:
        load_config(config, overrides=changes)
    assert message in str(error.value)
