"""Networks that read the context before they predict: counts, order, causality, loops."""

import keras
import numpy as np
import pytest

from tests.oracles import simple_lstm
from tfvp.config.loading import load_config
from tfvp.models.build import count_parameters
from tfvp.models.conv_lstm_forecaster.network import ConvLSTMForecaster
from tfvp.models.conv_lstm_skip.network import ConvLSTMSkip
from tfvp.models.encoder_decoder import EncoderDecoderPredictor
from tfvp.models.fc_lstm.network import FCLSTMAutoencoder
from tfvp.models.rollout import read_frames, unroll
from tfvp.models.simple_lstm.network import SimpleLSTM

CELL = {"kernel": (3, 3), "state_kernel": (3, 3), "peephole": "channel"}
PLAIN = {"kernel": (3, 3), "state_kernel": (3, 3)}
CORES = {
    "forecaster": lambda: ConvLSTMForecaster((4, 3), CELL),
    "forecaster_reversed": lambda: ConvLSTMForecaster((4, 3), CELL, order="reversed"),
    "fc_future": lambda: FCLSTMAutoencoder((5, 4)),
    "fc_future_conditional": lambda: FCLSTMAutoencoder((5,), future="conditional"),
    "fc_composite": lambda: FCLSTMAutoencoder((5, 4), reconstruction="unconditional"),
    "fc_composite_conditional": lambda: FCLSTMAutoencoder(
        (5,), reconstruction="conditional", future="conditional", activation="relu"
    ),
    "simple_lstm": lambda: SimpleLSTM((6, 5), (7,)),
    "simple_lstm_bidirectional": lambda: SimpleLSTM((6, 4), (7,), bidirectional=True),
    "skip": lambda: ConvLSTMSkip(4, 3, PLAIN),
    "skip_report": lambda: ConvLSTMSkip(4, 3, PLAIN, stride=2, reads="predictions"),
}


def make(name) -> EncoderDecoderPredictor:
    keras.utils.set_random_seed(3)
    patch_px = 1 if name.startswith("skip") else 2
    network = EncoderDecoderPredictor(CORES[name](), (4, 6, 1), patch_px)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        values = rng.normal(0.0, 0.5, weight.shape)
        weight.assign(1e4 + values if weight.path.endswith("variance") else values)
    return network


def clips(batch=2, length=7):
    return np.random.default_rng(0).random((batch, length, 4, 6, 1)).astype("float32")


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def called(predictor, x, mask):
    mask = np.full((len(x), 2), mask, "float32")
    return to_numpy(predictor({"frames": x, "teacher_forcing_mask": mask}))


class Counter:
    """A decoder that predicts 100 + what it read, and counts its steps in its state."""

    def __call__(self, frame, state):
        return frame + 100.0, state + 1


def test_read_and_unroll_by_hand():
    frames = np.arange(1.0, 4.0, dtype="float32").reshape(1, 3, 1, 1, 1)
    state = read_frames(Counter(), keras.ops.zeros((1,)), frames)
    assert to_numpy(state).tolist() == [3]
    first = np.zeros((1, 1, 1, 1), "float32")
    free = unroll(Counter(), state, first, steps=3)
    assert to_numpy(free).ravel().tolist() == [100, 200, 300]
    fed = unroll(Counter(), state, first, steps=3, truth=frames)
    assert to_numpy(fed).ravel().tolist() == [100, 101, 102]
    some = unroll(
        Counter(),
        state,
        first,
        steps=3,
        truth=frames,
        mask=np.array([[0.0, 1.0]], "float32"),
    )
    assert to_numpy(some).ravel().tolist() == [100, 200, 102]


def test_targets_are_the_future_and_before_it_the_past_backwards():
    frames = np.arange(5.0, dtype="float32").reshape(1, 5, 1, 1, 1) * np.ones((1, 1, 4, 6, 1), "f4")
    future = make("fc_future").targets(frames, 2)
    assert to_numpy(future)[0, :, 0, 0, 0].tolist() == [3, 4]
    both = make("fc_composite").targets(frames, 2)
    assert to_numpy(both)[0, :, 0, 0, 0].tolist() == [2, 1, 0, 3, 4]


def test_the_conditional_past_reads_the_frame_it_was_to_make_before():
    predictor, x = make("fc_composite_conditional"), clips()
    before = called(predictor, x, 0.0)[:, :4]
    step = predictor.core.decode("past")
    state = predictor.core.start(predictor._read(predictor._fold(x[:, :4])), "past")
    frame = np.zeros((2, 2, 3, 4), "float32")
    for t, shown in enumerate((3, 2, 1, 0)):
        prediction, state = step(frame, state)
        patches = predictor._fold(before[:, t : t + 1])[:, 0]
        np.testing.assert_allclose(to_numpy(patches), to_numpy(prediction), atol=1e-6)
        frame = predictor._fold(x[:, shown : shown + 1])[:, 0]


def test_the_reversed_forecaster_starts_from_the_layers_of_its_widths():
    core = make("forecaster_reversed").core
    assert [cell.filters for cell in core.forecaster] == [3, 4]
    assert [cell.reads_input for cell in core.forecaster] == [False, True]
    states = core.start(core.initial_state(2, (2, 3, 4)), "future")
    assert [state.hidden.shape[-1] for state in states] == [3, 4]


@pytest.mark.parametrize(
    ("hidden", "reconstruction", "future", "parameters"),
    [
        ([2048], "unconditional", "unconditional", 100_714_496),
        ([2048], "unconditional", "conditional", 134_268_928),
        ([2048], "conditional", "conditional", 167_823_360),
        ([2048, 2048], "unconditional", "unconditional", 201_420_800),
        ([2048, 2048], "conditional", "conditional", 268_529_664),
        ([2048], "none", "unconditional", 75_530_240),  # as the autoencoder alone
        ([2048], "none", "conditional", 109_084_672),
        ([2048, 2048], "none", "unconditional", 142_667_776),
    ],
)
def test_fc_lstm_parameter_counts(hidden, reconstruction, future, parameters):
    changes = [
        f"model.hidden={hidden}",
        f"model.reconstruction={reconstruction}",
        f"model.future={future}",
    ]
    assert count_parameters(load_config("fc_lstm", overrides=changes)) == parameters


DENSE = 4097 * 2048  # from a frame to the first dense layer


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        # dense, dense, LSTM, dense, dense; an LSTM here has one bias a gate, PyTorch's has two
        (None, DENSE + 2049 * 1024 + 4 * 1024 * (2 * 1024 + 1) + 1025 * 2048 + 2049 * 4096),
        # the program printed 50.4 M, 201.433 MB of four bytes each
        ("bidirectional", 201_433_088 // 4 - 2 * 4 * 1024),
    ],
)
def test_simple_lstm_parameter_count(preset, parameters):
    assert count_parameters(load_config("simple_lstm", preset=preset)) == parameters


@pytest.mark.parametrize("bidirectional", [False, True])
def test_simple_lstm_equals_oracle(bidirectional):
    keras.utils.set_random_seed(0)
    core = SimpleLSTM((6, 4), (5,), bidirectional=bidirectional)
    predictor = EncoderDecoderPredictor(core, (2, 3, 1))
    rng = np.random.default_rng(1)
    for weight in predictor.weights:
        weight.assign(rng.normal(0.0, 0.5, weight.shape))
    first = core.dense_in.weights[0]
    first.assign(first / 255)  # it reads bytes: without this every gate were shut or open
    layers = {
        "encoder": [list(map(to_numpy, layer.weights)) for layer in core.dense_in.layers],
        "lstm": [list(map(to_numpy, cell.weights)) for cell in core.cells],
        "decoder": [list(map(to_numpy, layer.weights)) for layer in core.decoder.layers],
    }
    x = rng.random((2, 4, 2, 3, 1)).astype("float32")
    ours = to_numpy(predictor.predict_frames(x, 3)).reshape(2, 3, 6)
    for clip, prediction in zip(x, ours, strict=True):
        expected = simple_lstm.predict(255.0 * clip.reshape(4, 6).astype("float64"), 3, layers)
        assert (expected > 0).any()
        np.testing.assert_allclose(255 * prediction, expected, rtol=1e-5, atol=1e-5)
