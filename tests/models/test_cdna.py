"""CDNA, DNA and STP against numbers of the released program, its checkpoints, and their rules."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import GOLDENS
from tests.helpers.goldens_table import FINN_HIDDEN, FORWARD, GRADIENT, errors, load, relative_error
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError, WeightsError
from tfvp.models.build import count_parameters
from tfvp.models.cdna.network import CDNA
from tfvp.models.recurrent import RecurrentPredictor

COUNTS = {
    ("cdna", None): 8_309_542,
    ("cdna", "kth"): 14_453_542,
    ("cdna_9", None): 12_897_622,
    ("cdna_9", "kth"): 32_804_182,
    ("dna", None): 6_262_267,
    ("stp", None): 7_086_046,
    ("stp", "kth"): 9_543_646,
}
FINN = pytest.mark.parametrize("name", ["cdna", "dna", "stp"])


@pytest.mark.parametrize(("config", "preset"), COUNTS, ids=str)
def test_parameter_counts(config, preset):
    assert count_parameters(load_config(config, preset=preset)) == COUNTS[config, preset]


# --- the released program ---


@FINN
def test_predictions_with_and_without_truth_and_the_loss(name):
    golden = load(name)
    numbers, predictor = golden.numbers, golden.predictor
    frames = numbers["in/frames"]
    truth = predictor({"frames": frames, "teacher_forcing_mask": np.ones((2, 2), "float32")})
    assert relative_error(truth, numbers["out/gen_images_teacher"]) < FORWARD
    future = np.array(predictor.predict_frames(frames[:, :2], 3))
    assert relative_error(future, numbers["out/gen_images"][:, 1:]) < FORWARD
    by_frame = np.square(future - frames[:, 2:]).mean(axis=(0, 2, 3, 4))
    np.testing.assert_allclose(by_frame, numbers["out/frame_mse"], rtol=1e-5)
    assert by_frame.mean() == pytest.approx(float(numbers["out/loss"]), rel=1e-5)


@FINN
def test_gradients_of_every_variable(name):
    forward, worst = errors(name)
    assert forward < FORWARD
    assert worst is not None
    assert worst < GRADIENT


@FINN
def test_every_part_of_the_first_step(name):
    golden = load(name)
    numbers, core = golden.numbers, golden.predictor.core
    frame = numbers["in/frames"][:, 0]
    deepest, finest, state = core.maps(frame, core.initial_state(2, (32, 32, 1)))
    heads = core.decoder
    found = {
        "hidden5": deepest,
        "enc6": finest,
        "state1": np.concatenate([state[0].cell, state[0].hidden], axis=-1),
        "hidden1": core.norms[1](state[0].hidden),
        "hidden7": core.norms[7](state[6].hidden),
        "masks": np.reshape(keras.ops.softmax(heads.masks(finest)), (2048, -1)),
    }
    if name != "dna":
        found["scratch"] = keras.ops.sigmoid(heads.pixels(finest))
    if name == "cdna":
        found["cdna_kernels"] = np.reshape(heads.motion.kernels(deepest), (2, 5, 5, 1, 10))
    for key, ours in found.items():
        assert relative_error(ours, numbers[f"mid/{key}"]) < FORWARD, key


def by_formula(k: int, name: str, shape: list[int]) -> np.ndarray:
    """The weights of cdna_full_size, see its meta."""
    j = np.arange(np.prod(shape), dtype=np.int64)
    u = ((7919 * j + 104729 * k) % 2003) / 2003 - 0.5
    if name.endswith("weights"):
        u = 3 * u / np.sqrt(np.prod(shape[:-1]))
    else:
        u = name.endswith("gamma") + 0.2 * u
    return u.reshape(shape).astype("float32")


def test_the_published_size_with_weights_by_formula():
    numbers = np.load(GOLDENS / "cdna_full_size.npz", allow_pickle=False)
    meta = json.loads(str(numbers["meta"]))
    core = CDNA((32, 32, 64, 64, 128, 64, 32))
    predictor = RecurrentPredictor(core, (64, 64, 1))
    names = core.programs()["tf1"].names
    order = [name for name in meta["var_order"] if "state_pred" not in name]
    assert sorted(order) == sorted(names)
    for k, name in enumerate(meta["var_order"]):
        for variable, take in names.get(name, ()):
            variable.assign(take(by_formula(k, name, meta["var_shapes"][name])))
    found = predictor.predict_frames(numbers["in/frames"][:, :2], 2)
    assert relative_error(found, numbers["out/gen_images"][:, 1:]) < FORWARD


# --- its checkpoints ---


@pytest.fixture(scope="module", params=["cdna", "stp"])
def checkpoint(request, tmp_path_factory):
    """A checkpoint as the program's saver writes it: weights, Adam's slots and powers."""
    golden, v1 = load(request.param), tf.compat.v1
    weights = {k[4:]: v for k, v in golden.numbers.items() if k.startswith("var/")}
    slots = {f"model/{k}/{s}": 0 * v for k, v in weights.items() for s in ("Adam", "Adam_1")}
    powers = {"model/beta1_power": np.float32(0.9), "model/beta2_power": np.float32(0.999)}
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in {**weights, **slots, **powers}.items():
            v1.get_variable(name, initializer=value)
        session.run(v1.global_variables_initializer())
        path = str(tmp_path_factory.mktemp("finn") / "model")
        return request.param, v1.train.Saver().save(session, path, 100), golden


def test_a_checkpoint_gives_the_programs_predictions(checkpoint):
    name, prefix, golden = checkpoint
    core = CDNA(FINN_HIDDEN, name)
    predictor = RecurrentPredictor(core, (32, 32, 1))
    taken = core.programs()["tf1"].weights(prefix)
    assert {id(variable) for variable, _ in taken} == {id(weight) for weight in core.weights}
    for variable, value in taken:
        variable.assign(value)
    found = predictor.predict_frames(golden.numbers["in/frames"][:, :2], 3)
    assert relative_error(found, golden.numbers["out/gen_images"][:, 1:]) < FORWARD
    aside = core.programs()["tf1"].everything(prefix).aside
    assert sorted(aside) == ["model/state_pred/biases", "model/state_pred/weights"]


def test_a_checkpoint_of_another_network_is_refused(checkpoint):
    name, prefix, _ = checkpoint
    other = RecurrentPredictor(CDNA(FINN_HIDDEN, "dna", masks=1), (32, 32, 1))
    with pytest.raises(WeightsError, match="which the network has not"):
        other.programs()["tf1"].weights(prefix)
    wide = RecurrentPredictor(CDNA((8, *FINN_HIDDEN[1:]), name), (32, 32, 1))
    with pytest.raises(WeightsError, match=r"the configuration makes .*scale1_conv1/kernel"):
        wide.programs()["tf1"].weights(prefix)
    foreign = GOLDENS / "tf1_checkpoint" / "predrnn_pp.ckpt-80000"
    with pytest.raises(WeightsError, match="not of the program of Finn"):
        wide.programs()["tf1"].weights(str(foreign))


# --- what must hold of any weights ---


def small(transform: str, dtype="float32", **changes) -> RecurrentPredictor:
    keras.utils.set_random_seed(1)
    settings = {"kernel": 3, "masks": 1 if transform == "dna" else 4, "dtype": dtype, **changes}
    core = CDNA((3, 4, 5, 4, 6, 3, 4), transform, **settings)
    return RecurrentPredictor(core, (16, 24, 3), dtype=dtype)


FRAMES = np.random.default_rng(0).random((3, 2, 16, 24, 3)).astype("float32")


@FINN
def test_clips_do_not_mix_and_pixels_stay_in_the_frames_range(name):
    # In float64, since a CPU may sum a batch of two in another order than one of three.
    network, frames = small(name, "float64"), FRAMES.astype("float64")
    whole = np.array(network.predict_frames(frames, 3))
    assert whole.shape == (3, 3, 16, 24, 3)
    one = np.array(network.predict_frames(frames[[2, 0]], 3))
    np.testing.assert_allclose(one, whole[[2, 0]], atol=1e-12)
    assert whole.min() > -1e-5
    assert whole.max() < 1 + 1e-5


def test_rectified_heads_make_no_dark_pixels_and_linear_ones_do():
    black = np.zeros((2, 16, 24, 3), "float32")
    found = {}
    for heads in ("relu", "linear"):
        core = small("cdna", heads=heads).core
        core.decoder.pixels.bias.assign([-9.0] * 3)
        found[heads] = np.array(core(black, core.initial_state(2, (16, 24, 3)))[0])
    assert found["relu"].min() > 0.5 / 6  # about a share of one half
    assert found["linear"].max() < 1e-3


def test_what_a_transform_cannot_have_is_refused():
    for config, masks, wanted in (("dna", 10, "dna has 1"), ("stp", 1, "stp has at least 2")):
        with pytest.raises(ConfigError, match=rf"model\.masks: {wanted}, got {masks}"):
            load_config(config, overrides=[f"model.masks={masks}"])
    with pytest.raises(ConfigError, match="cdna halves the frame three times, so 8 must divide"):
        load_config("cdna", overrides=["data.frame_px=[60, 64]"])
    with pytest.raises(ValueError, match="divisible by 8, got 12x16"):
        CDNA(FINN_HIDDEN).build((None, 12, 16, 1))
