"""The Video Pixel Network: who sees whom, its equations, its modes, and its published sizes."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.contracts.test_models import experiment
from tests.oracles import vpn as oracle
from tfvp.backend import backend
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError
from tfvp.models.build import build_model, count_parameters
from tfvp.models.vpn.blocks import ResidualBlock
from tfvp.models.vpn.network import VPNPredictor

HEIGHT, WIDTH, CONTEXT, HORIZON = 8, 16, 2, 2
KINDS = ("vpn", "vpn feist", "vpn baseline")


def network(name: str, *changes: str) -> VPNPredictor:
    """A small network all of whose weights show in what it predicts."""
    keras.utils.set_random_seed(1)
    made = build_model(experiment(name, *(f"model.{change}" for change in changes)))
    assert isinstance(made, VPNPredictor)
    rng = np.random.default_rng(0)
    for weight in made.weights:
        fan_in = np.prod(weight.shape[:-1])
        weight.assign(rng.normal(0.0, min(0.5, 1.5 / np.sqrt(fan_in)), weight.shape))
    return made


def clips(batch: int = 1, length: int = CONTEXT + HORIZON) -> np.ndarray:
    return np.random.default_rng(0).random((batch, length, HEIGHT, WIDTH, 1)).astype("float32")


def predicted(made: VPNPredictor, context: np.ndarray, horizon: int = HORIZON) -> np.ndarray:
    return keras.ops.convert_to_numpy(made.predict_frames(context, horizon))


@pytest.mark.parametrize(
    ("config", "count"),
    [("vpn_feist", 38_256_897), ("vpn", 29_862_913), ("vpn_baseline", 29_850_113)],
)
def test_parameter_counts(config, count):
    assert count_parameters(load_config(config)) == count


# --- who sees whom ---


@functools.cache
def jacobian(name: str) -> np.ndarray:
    """|d logit of pixel i / d true pixel j| of the decoder: (pixels, pixels), raster order.

    The largest of three inputs: a rectifier may hide a path from one of them.
    """
    decoder, found = network(name).core.decoder, []
    for seed in range(3):
        hidden = tf.random.normal((1, HEIGHT, WIDTH, decoder.channels), seed=seed)
        frame = tf.convert_to_tensor(clips(3)[seed : seed + 1, 0])
        with tf.GradientTape() as tape:
            tape.watch(frame)
            logits = decoder(hidden, frame)
        slopes = tape.jacobian(logits, frame)
        found.append(np.abs(np.reshape(slopes, (HEIGHT * WIDTH, HEIGHT * WIDTH))))
    return np.max(found, axis=0)


@pytest.mark.parametrize("name", ["vpn", "vpn feist"])
def test_no_pixel_sees_itself_or_a_later_one_and_each_sees_the_one_before(name):
    seen = jacobian(name)
    assert np.all(np.triu(seen) == 0)
    before = np.diagonal(seen, -1).copy().reshape(-1)
    # the last pixel of a row is no neighbour of the next row's first, but above it to the right
    assert np.all(before[np.arange(1, HEIGHT * WIDTH) % WIDTH != 0] > 0)
    above = np.diagonal(seen, -WIDTH)
    assert np.all(above > 0)


@pytest.mark.parametrize("name", ["vpn", "vpn feist"])
def test_the_wedge_to_the_upper_right_is_not_seen(name):
    """A known limit of stacked masks: one row up nothing beyond the reach of the first layer."""
    seen = jacobian(name)[WIDTH + 2].reshape(HEIGHT, WIDTH)  # of row 1, column 2
    assert seen[0, 5] > 0
    assert np.all(seen[0, 6:] == 0)


@pytest.mark.parametrize("name", KINDS)
def test_every_pixel_sees_the_context_around_it(name):
    made = network(name)
    decoder = made.core.decoder
    hidden = tf.random.normal((1, HEIGHT, WIDTH, decoder.channels), seed=0)
    with tf.GradientTape() as tape:
        tape.watch(hidden)
        logit = decoder(hidden)[0, 3, 4, 0]
    seen = np.abs(tape.gradient(logit, hidden).numpy()[0]).max(axis=-1)
    assert seen[3, 4] > 0
    if name != "vpn":  # whose context enters through no convolution, and then only masked ones
        assert np.all(seen[3:5, 4:6] > 0)


def test_what_training_predicts_sees_pixels_only_where_it_may():
    x = np.repeat(clips(), 2, axis=0)
    x[1, -1, 4, 5] = 1 - x[1, -1, 4, 5]
    batch = {"frames": x, "teacher_forcing_mask": np.ones((2, HORIZON - 1), "float32")}
    changed = {}
    for name in KINDS:
        outputs = network(name).training_outputs(batch, HORIZON, auxiliary=name == "vpn feist")
        last = np.asarray(outputs.predictions)[:, -1]
        changed[name] = (np.abs(last[0] - last[1]) > 1e-6).reshape(-1)
        if name == "vpn feist":
            first, second = np.asarray(outputs.auxiliary["true_pixels"])
            assert first != second
    place = 4 * WIDTH + 5
    assert not changed["vpn"][: place + 1].any()
    assert changed["vpn"][place + 1]
    assert not changed["vpn feist"].any()
    assert not changed["vpn baseline"].any()


# --- the equations ---


def block_and_weights(kind: str) -> tuple[ResidualBlock, dict[str, tuple]]:
    block = ResidualBlock(kind, 6, masked=True, name="block")
    block.build((None, 4, 5, 6))
    rng = np.random.default_rng(2)
    for weight in block.weights:
        weight.assign(rng.normal(0.0, 0.4, weight.shape))
    layers = (block.first, *block.middle, block.last)
    of = {x.name: tuple(w.numpy().astype(float) for w in (x.kernel, x.bias)) for x in layers}
    return block, of


def matrix(pair: tuple) -> tuple:
    return pair[0][0, 0], pair[1]


@pytest.mark.parametrize("kind", ["multiplicative", "relu"])
def test_a_block_is_its_equation(kind):
    block, of = block_and_weights(kind)
    x = np.random.default_rng(3).normal(size=(4, 5, 6))
    first, last = matrix(of["first"]), matrix(of["last"])
    if kind == "relu":
        wanted = oracle.relu_block(x, first, of["middle"], last)
    else:
        units = [[np.split(w, 4, axis=-1) for w in of[name]] for name in ("unit0", "unit1")]
        wanted = oracle.multiplicative_block(x, first, units, last)
    found = block(x[None].astype("float32")).numpy()[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


# --- the modes ---


def naive_frame(made: VPNPredictor, hidden) -> np.ndarray:
    """A pass over the whole frame for every pixel."""
    frame = np.zeros((1, HEIGHT, WIDTH, 1), "float32")
    for row in range(HEIGHT):
        for column in range(WIDTH):
            logits = np.asarray(made.core.decoder(hidden, frame))
            frame[0, row, column] = 1 / (1 + np.exp(-logits[0, row, column]))
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vpn", "vpn feist"])
def test_pixel_by_pixel_is_a_pass_for_every_pixel(name):
    made, context = network(name, "sampling=pixels"), clips(length=CONTEXT)
    state = made.core.initial_state(1, (HEIGHT, WIDTH, 1))
    wanted = []
    for t in range(CONTEXT + HORIZON - 1):
        hidden, state = made.core.read(context[:, t] if t < CONTEXT else wanted[-1], state)
        if t >= CONTEXT - 1:
            wanted.append(naive_frame(made, hidden))
    found = predicted(made, context)
    np.testing.assert_allclose(found, np.stack(wanted, axis=1), atol=1e-5)
    compiled = tf.function(lambda x: made.predict_frames(x, HORIZON), autograph=False)
    np.testing.assert_allclose(compiled(tf.constant(context)), found, atol=1e-5)


@pytest.mark.slow
def test_in_parts_it_predicts_the_same_and_counts_rows():
    made, context = network("vpn"), clips(2, CONTEXT)
    long = made.long_prediction(HORIZON, lambda part: backend.compiled(part, made.variables))
    assert long is not None
    (parts, predict), calls = long, []
    found = predict(tf.constant(context), lambda: calls.append(1))
    assert len(calls) == parts == HORIZON * HEIGHT
    np.testing.assert_allclose(found, predicted(made, context), atol=1e-5)
    assert network("vpn feist").long_prediction(HORIZON, lambda part: part) is None


@pytest.mark.slow
def test_the_context_is_encoded_once_however_many_pixels_are_sampled(monkeypatch):
    made, seen = network("vpn"), []
    encode = made.core.encoder.call
    monkeypatch.setattr(made.core.encoder, "call", lambda x: seen.append(1) or encode(x))
    predicted(made, clips(length=CONTEXT))
    assert len(seen) == CONTEXT + HORIZON - 1


def test_zero_frame_is_one_pass_with_a_black_frame():
    made, context = network("vpn feist"), clips(length=CONTEXT)
    _, state = made.core.read(context[:, 0], made.core.initial_state(1, (HEIGHT, WIDTH, 1)))
    hidden, _ = made.core.read(context[:, 1], state)
    logits = made.core.decoder(hidden, np.zeros((1, HEIGHT, WIDTH, 1), "float32"))
    np.testing.assert_allclose(predicted(made, context, 1)[:, 0], tf.sigmoid(logits), atol=1e-6)


@pytest.mark.parametrize("name", ["vpn", "vpn feist"])
def test_with_true_pixels_each_frame_follows_from_the_true_ones_before(name):
    made, x = network(name), clips()
    found = made.predict_with_true_pixels(x, CONTEXT)
    state = made.core.initial_state(1, (HEIGHT, WIDTH, 1))
    for t in range(CONTEXT + HORIZON - 1):
        hidden, state = made.core.read(x[:, t], state)
        if t >= CONTEXT - 1:
            wanted = tf.sigmoid(made.core.decoder(hidden, x[:, t + 1]))
            np.testing.assert_allclose(found[:, t + 1 - CONTEXT], wanted, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["pixels", "zero_frame"])
def test_one_step_ahead_reads_the_truth(sampling):
    made, x = network("vpn", f"sampling={sampling}"), clips()
    found = made.predict_next(x, CONTEXT)
    wanted = [predicted(made, x[:, :n], 1) for n in range(CONTEXT, CONTEXT + HORIZON + 1)]
    np.testing.assert_allclose(found, np.concatenate(wanted, axis=1), atol=1e-5)


def test_the_second_pass_is_the_cross_entropy_over_the_future():
    made, x = network("vpn feist"), clips(2)
    batch = {"frames": x, "teacher_forcing_mask": np.ones((2, HORIZON - 1), "float32")}
    found = made.training_outputs(batch, HORIZON, auxiliary=True).auxiliary["true_pixels"]
    p, t = np.asarray(made.predict_with_true_pixels(x, CONTEXT)).astype(float), x[:, CONTEXT:]
    wanted = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p), axis=(1, 2, 3, 4))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_the_mask_decides_what_is_read_but_not_where_the_truth_always_is():
    x = np.repeat(clips(), 2, axis=0)
    mask = np.array([[0.0], [1.0]], "float32")
    different = {
        name: np.ptp(np.asarray(network(name)({"frames": x, "teacher_forcing_mask": mask})), 0)
        for name in KINDS
    }
    assert different["vpn"].max() < 1e-6
    assert different["vpn feist"][1].max() > 1e-4
    assert different["vpn baseline"][1].max() > 1e-4


# --- the section ---


def test_a_decoder_that_sees_no_pixels_has_nothing_to_sample():
    with pytest.raises(ConfigError, match=r"model\.sampling.*must be zero_frame, got pixels"):
        load_config("vpn_baseline", overrides=["model.sampling=pixels"])


@pytest.mark.parametrize(
    "change", ["block=relu", "encoder_kernel=3", "encoder_dilations=[2]", "context_kernel=3",
               "decoder_blocks=3", "top=[5, 5]", "unit_forget_bias=false", "channels=6"]
)  # fmt: skip
@pytest.mark.slow
def test_every_key_changes_the_network(change):
    keras.utils.set_random_seed(0)
    plain = build_model(experiment("vpn", "model.sampling=zero_frame"))
    keras.utils.set_random_seed(0)
    other = build_model(experiment("vpn", "model.sampling=zero_frame", f"model.{change}"))
    x = clips(length=CONTEXT)
    assert np.abs(predicted(plain, x) - predicted(other, x)).max() > 1e-6
