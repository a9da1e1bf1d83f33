"""PredRNN, PredRNN++ and PredNet: counts, causality, how they feed themselves and are trained."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.program_names import variables_of
from tfvp.config.loading import load_config
from tfvp.models.build import count_parameters
from tfvp.models.prednet.network import PredNet
from tfvp.models.predrnn.network import PredRNN, absolute_cosine
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.training.losses import Loss, absolute_square_loss, with_auxiliary
from tfvp.training.trainer import Trainer

COUNTS = {
    # counted from the original graphs, or published
    ("predrnn", ()): 23_838_720,
    ("predrnn", ("model.cell.layer_norm=true",)): 27_770_880,
    ("predrnn_decoupled", ()): 23_855_104,
    ("predrnn_2017", ()): 18_379_280,
    ("predrnn_2017", ("model.hidden=[64, 64, 64, 64]",)): 4_651_280,
    ("predrnn_pp", ()): 15_390_160,
    ("predrnn_pp", ("model.cell.layer_norm=false",)): 15_375_056,
    ("prednet", ()): 6_909_818,
}


@pytest.mark.parametrize(("config", "changes"), COUNTS, ids=lambda x: "".join(x) or "as is")
def test_parameter_counts(config, changes):
    assert count_parameters(load_config(config, overrides=changes)) == COUNTS[config, changes]


def test_prednet_on_kitti_has_the_published_count():
    core = PredNet()
    core.build((None, 128, 160, 3))
    assert core.count_params() == 6_915_948


SMALL = {
    "predrnn": lambda: PredRNN((4, 4, 4), 3),
    "predrnn_layer_norm": lambda: PredRNN((4, 4), 3, layer_norm=True),
    "predrnn_2017": lambda: PredRNN((4, 4), 3, release="2017", layer_norm=True),
    "predrnn_pp": lambda: PredRNNPP((6, 4, 3), 3),
    "prednet": lambda: PredNet((6, 4)),
}
FRAME = (8, 12, 1)


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def small(name) -> RecurrentPredictor:
    """A small network whose every weight shows, the tiny first ones included."""
    late = name == "prednet"
    predictor = RecurrentPredictor(SMALL[name](), FRAME, 1 if late else 4, late_feedback=late)
    rng = np.random.default_rng(0)
    for weight in predictor.weights:
        value = rng.normal(0.0, 0.2, weight.shape) + (1 if weight.name == "gamma" else 0)
        # a dead PredNet would pass any test of causality
        weight.assign(np.abs(value) if "layer_a" in weight.path else value)
    return predictor


def clips(length=7):
    return np.random.default_rng(0).random((2, length, *FRAME)).astype("float32")


@pytest.mark.parametrize("name", ["predrnn", "predrnn_pp"])
def test_memory_leaves_the_top_and_enters_the_bottom_of_the_next_step(name):
    core = small(name).core
    frame = np.random.default_rng(1).random((2, 2, 3, 16)).astype("float32")
    state = core.initial_state(2, (2, 3, 16))
    _, after = core(frame, state)
    memory, x = state.memory, frame
    for i, cell in enumerate(core.cells):
        x, new = cell(x, state.layers[i]._replace(memory=memory))
        memory = new.memory
        if i == 0 and name == "predrnn_pp":
            x, _ = core.highway(x, state.highway)
    np.testing.assert_allclose(to_numpy(after.memory), to_numpy(memory), atol=1e-6)
    changed, _ = core(frame, after._replace(memory=after.memory + 0.5))
    unchanged, _ = core(frame, after)
    assert not np.allclose(to_numpy(changed), to_numpy(unchanged), atol=1e-4)


# --- training ---


def trainer(predictor, loss: Loss, micro_batch=None) -> Trainer:
    ours = Trainer(predictor, horizon=3, loss=loss, average_decay=0.99, micro_batch=micro_batch)
    ours.compile(optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8))
    ours.optimizer.build(ours.trainable_variables)
    return ours


def test_three_updates_of_predrnn_pp_are_the_programs(goldens):
    # Not with norms: there Adam's first update, near the sign of every gradient, takes a rounding
    # error of a gradient near 0 for a gradient, and the network enlarges it.
    with np.load(goldens / "predrnn_pp_no_norm.npz", allow_pickle=False) as file:
        numbers = {key: file[key] for key in file.files}
    core = PredRNNPP((4, 4), 3, layer_norm=False)
    predictor = RecurrentPredictor(core, numbers["in/frames"].shape[2:])
    names = variables_of(core)
    for key, weight in names.items():
        weight.assign(numbers[f"var/{key}"])
    ours = trainer(predictor, absolute_square_loss(0.0, 1.0))
    flag = numbers["in/real_input_flag"][..., 0, 0, 0]
    batch = {"frames": tf.constant(numbers["in/frames"]), "teacher_forcing_mask": tf.constant(flag)}
    losses = [2 * float(ours.train_step(batch)["loss"]) for _ in range(3)]
    np.testing.assert_allclose(losses, numbers["train/losses"], rtol=1e-5)
    for key in (key for key in numbers if key.startswith("train/var/")):
        ours_now = to_numpy(names[key.removeprefix("train/var/")])
        error = np.linalg.norm(ours_now - numbers[key]) / np.linalg.norm(numbers[key])
        assert error < 1e-4, key


def batch_of(x, truth=0.0):
    return {"frames": tf.constant(x), "teacher_forcing_mask": tf.fill((len(x), 2), truth)}


def test_mean_loss_is_the_mean_squared_error_however_the_batch_is_cut():
    predictor, x = small("predrnn"), np.concatenate([clips(), clips()[::-1] ** 2])
    with tf.GradientTape() as tape:
        wanted = tf.reduce_mean(tf.square(predictor(batch_of(x)) - x[:, 1:]))
    weights = [w.value for w in predictor.trainable_variables]
    gradients = tape.gradient(wanted, weights)
    for micro_batch in (None, 2):
        ours = trainer(predictor, absolute_square_loss(0.0, 2.0, mean=True), micro_batch)
        _, found = ours.summed_gradients(batch_of(x))
        for a, b in zip(found, gradients, strict=True):
            np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-3, atol=1e-7)
    assert float(ours.train_step(batch_of(x))["loss"]) == pytest.approx(float(wanted), rel=1e-5)


def test_lowest_errors_of_prednet_are_half_the_mean_absolute_error():
    predictor, x = small("prednet"), clips()
    by_errors = trainer(predictor, with_auxiliary(absolute_square_loss(0.0, 0.0, mean=True), 1.0))
    by_frames = trainer(predictor, absolute_square_loss(0.5, 0.0, mean=True))
    batch = batch_of(x, 1.0)  # where it reads itself, that is what its errors are measured against
    found = [ours.summed_gradients(batch)[1] for ours in (by_errors, by_frames)]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-3, atol=1e-7)
    logs = by_errors.train_step(batch_of(x))
    assert set(logs) == {"loss", "l1", "l2", "network"}
    assert float(logs["loss"]) == pytest.approx(float(logs["network"]), rel=1e-6)


def test_absolute_cosine_by_hand():
    a = np.array([[3.0, 0.0], [0.0, 4.0]]).reshape(1, 2, 2, 1).astype("float32")
    b = np.array([[-1.0, 0.0], [0.0, 0.0]]).reshape(1, 2, 2, 1).astype("float32")
    assert float(absolute_cosine(a, b)[0, 0]) == pytest.approx(0.6)
    assert float(absolute_cosine(a, 0 * a)[0, 0]) == 0.0


def test_decoupling_is_of_what_the_states_take_in():
    core = PredRNN((4, 4), 3, decouple=True)
    predictor = RecurrentPredictor(core, FRAME, 4)
    x = clips(3)
    batch = {"frames": x, "teacher_forcing_mask": np.zeros((2, 0), "float32")}
    outputs = predictor.training_outputs(batch, 1, auxiliary=True)
    predictions, overlap = outputs.predictions, outputs.auxiliary["decoupling"]
    np.testing.assert_allclose(to_numpy(predictions), to_numpy(predictor(batch)), atol=1e-6)
    patches, state = predictor._start(x)
    found = []
    for t in range(2):
        memory, x, layers = state.memory, patches[:, t], []
        for cell, before in zip(core.cells, state.layers, strict=True):
            before = before._replace(memory=memory)
            h, after, _ = cell.advance(x, before)
            kernel = to_numpy(core.adapter.kernel)[0, 0]
            # what is taken in is what the new state has beyond what was kept of the old
            kept = _forget_gates(cell, x, before)
            delta_c = to_numpy(after.cell) - kept[0] * to_numpy(before.cell)
            delta_m = to_numpy(after.memory) - kept[1] * to_numpy(before.memory)
            flat = [(d @ kernel).reshape(2, -1, 4) for d in (delta_c, delta_m)]
            unit = [f / np.linalg.norm(f, axis=1, keepdims=True) for f in flat]
            found.append(np.abs((unit[0] * unit[1]).sum(axis=1)).mean(axis=1))
            memory, x = after.memory, h
            layers.append(after._replace(memory=None))
        state = state._replace(layers=tuple(layers), memory=memory)
    np.testing.assert_allclose(to_numpy(overlap), np.mean(found, axis=0), rtol=1e-3)


def _forget_gates(cell, x, state):
    """σ(f) of the cell and of the memory, the long way."""
    x_gates, h_gates, m_gates = (
        to_numpy(cell.convs[source](value))
        for source, value in (("input", x), ("hidden", state.hidden), ("memory", state.memory))
    )
    n = cell.filters
    of_cell = x_gates[..., n : 2 * n] + h_gates[..., n : 2 * n] + 1
    of_memory = x_gates[..., 4 * n : 5 * n] + m_gates[..., n : 2 * n] + 1
    return [1 / (1 + np.exp(-gate)) for gate in (of_cell, of_memory)]
