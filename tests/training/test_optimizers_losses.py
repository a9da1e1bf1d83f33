"""Losses and optimizers against NumPy written from their formulas, step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter

from tfvp.config.losses import LossConfig
from tfvp.config.training import TrainingConfig
from tfvp.training.losses import build_loss, cross_entropy
from tfvp.training.optimizers import AdamTF1, build_optimizer, set_schedules


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_cross_entropy_by_hand():
    truth = np.array([1.0, 0.0, 0.25, 1.0], "float32").reshape(1, 1, 2, 2, 1)
    prediction = np.array([0.5, 0.5, 0.25, 0.0], "float32").reshape(1, 1, 2, 2, 1)
    mixed = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    expected = 2 * np.log(2) + mixed - np.log(1e-10)
    assert float(cross_entropy(truth, prediction)) == pytest.approx(expected, rel=1e-6)
    outside = np.full_like(prediction, 1.5)  # a linear output may get there
    assert np.isfinite(float(cross_entropy(truth, outside)))


def test_losses_are_weighted_sums_of_their_parts():
    truth = np.zeros((1, 1, 2, 2, 1), "float32")
    loss = build_loss(TypeAdapter(LossConfig).validate_python({"l1": 2.0, "l2": 3.0}))
    assert loss.weights == {"l1": 2.0, "l2": 3.0}
    assert [float(part) for part in loss.measure(truth, truth + 0.5)] == [2.0, 0.5]
    loss = build_loss(
        TypeAdapter(LossConfig).validate_python({"kind": "cross_entropy", "epsilon": 0.01})
    )
    assert loss.weights == {"cross_entropy": 1.0}
    (part,) = loss.measure(truth, truth + 1.0)
    assert float(part) == pytest.approx(-4 * np.log(0.01), rel=1e-5)


def loss_of(**section):
    return build_loss(TypeAdapter(LossConfig).validate_python(section))


def test_cross_entropy_keeps_predictions_away_from_0_and_1_where_it_is_asked_to():
    truth = np.array([1.0, 0.0, 1.0, 0.5], "float32").reshape(1, 1, 2, 2, 1)
    prediction = np.array([0.0, 1.0, 1.0, 0.25], "float32").reshape(1, 1, 2, 2, 1)
    clip = 2.0**-23
    expected = -2 * np.log(clip) - np.log(1 - clip) - 0.5 * (np.log(0.25) + np.log(0.75))
    (part,) = loss_of(kind="cross_entropy", epsilon=0.0, clip=clip).measure(truth, prediction)
    assert float(part) == pytest.approx(expected, rel=1e-6)
    (part,) = loss_of(kind="cross_entropy", epsilon=0.01, clip=0.05).measure(truth, prediction)
    expected = -2 * np.log(0.06) - np.log(0.96) - 0.5 * (np.log(0.26) + np.log(0.76))
    assert float(part) == pytest.approx(expected, rel=1e-6)
    for clip in (0.0, 1e-8):  # 1 - 1e-8 is 1 in float32
        with pytest.raises(ValueError, match=r"costs infinitely much; expected a clip of at least"):
            loss_of(kind="cross_entropy", epsilon=0.0, clip=clip)


def test_only_the_future_counts_where_it_is_asked_for():
    truth = np.zeros((2, 5, 1, 1, 1), "float32")
    prediction = np.arange(5, dtype="float32").reshape(1, 5, 1, 1, 1).repeat(2, axis=0)
    for frames, squares, values in (("all", 30.0, 5), ("future", 25.0, 2)):
        loss = loss_of(l1=0.0, l2=2.0, frames=frames, reduction="mean")
        counted = [loss.counted(each, 2) for each in (truth, prediction)]
        assert float(loss.measure(*counted)[1]) == squares  # half of twice the sum over two clips
        assert loss.per_clip(counted[0][0].size) == {"l1": 0.0, "l2": 2.0 / values}


def test_cross_entropy_takes_a_mean_and_an_auxiliary_loss():
    truth, prediction = (
        np.ones((1, 1, 1, 2, 1), "float32"),
        np.full((1, 1, 1, 2, 1), 0.25, "float32"),
    )
    loss = loss_of(kind="cross_entropy", reduction="mean", network=0.5)
    (part,) = loss.measure(truth, prediction)
    assert float(part) == pytest.approx(2 * np.log(4), rel=1e-6)
    assert loss.per_clip(2) == {"cross_entropy": 0.5, "network": 0.5}
    assert loss.mean


def rmsprop(w, g, state, t, first=0):
    del t
    state["v"] = 0.8 * state.get("v", first) + 0.2 * g**2
    return w - 0.01 * g / np.sqrt(state["v"] + 1e-3)


def rmsprop_tf1(*args):
    return rmsprop(*args, first=1)


def rmsprop_torch(w, g, state, t):
    del t
    state["v"] = 0.8 * state.get("v", 0) + 0.2 * g**2
    return w - 0.01 * g / (np.sqrt(state["v"]) + 1e-3)


def adam(w, g, state, t):
    state["m"] = 0.7 * state.get("m", 0) + 0.3 * g
    state["v"] = 0.9 * state.get("v", 0) + 0.1 * g**2
    rate = 0.01 * np.sqrt(1 - 0.9**t) / (1 - 0.7**t)
    return w - rate * state["m"] / (np.sqrt(state["v"]) + 1e-3)


def adamw(w, g, state, t):
    """The weight's decay does not pass through the moments."""
    return adam(w, g, state, t) - 0.01 * 0.5 * w


def clipped_momentum(w, g, state, t, decay=0.1):
    rate = 0.01 * 0.5 ** ((t - 1) // 2)
    velocity = 0.6 * state.get("v", 0) - rate * (g + decay * w)
    state["v"] = np.clip(velocity, -0.005, 0.005)
    return w + state["v"]


def of_a_bias(*args):
    return clipped_momentum(*args, decay=0.0)


CASES = {
    "rmsprop": ({"learning_rate": 0.01, "decay": 0.8, "epsilon": 1e-3}, rmsprop, rmsprop),
    "rmsprop tf1": (
        {"learning_rate": 0.01, "decay": 0.8, "epsilon": 1e-3, "variant": "tf1"},
        rmsprop_tf1,
        rmsprop_tf1,
    ),
    "rmsprop torch": (
        {"learning_rate": 0.01, "decay": 0.8, "epsilon": 1e-3, "variant": "torch"},
        rmsprop_torch,
        rmsprop_torch,
    ),
    "adam": (
        {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
        adam,
        adam,
    ),
    "adamw": (
        {
            "learning_rate": 0.01,
            "beta_1": 0.7,
            "beta_2": 0.9,
            "epsilon": 1e-3,
            "weight_decay": 0.5,
        },
        adamw,
        adamw,
    ),
    "clipped_momentum": (
        {
            "learning_rate": 0.01,
            "momentum": 0.6,
            "clip": 0.005,
            "weight_decay": 0.1,
        },
        clipped_momentum,
        of_a_bias,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_optimizer_equals_its_formula_over_five_updates(name):
    values, of_kernel, of_bias = CASES[name]
    kind = name.split()[0]
    schedule = {"kind": "step", "factor": 0.5, "every": 2} if "momentum" in kind else {}
    config = TrainingConfig.model_validate(
        {"optimizer": {"kind": kind, **values}, "schedule": schedule}
    )
    optimizer = build_optimizer(config)
    rng = np.random.default_rng(0)
    expected = {name: rng.normal(size=(3, 2)) for name in ("kernel", "bias")}
    variables = [
        keras.Variable(value.astype("float32"), name=name) for name, value in expected.items()
    ]
    optimizer.build(variables)
    states = {"kernel": {}, "bias": {}}
    for t in range(1, 6):
        gradients = {name: rng.normal(size=(3, 2)) for name in expected}
        set_schedules(optimizer, t, config)
        optimizer.apply(
            [keras.ops.convert_to_tensor(g.astype("float32")) for g in gradients.values()],
            variables,
        )
        for name, step in (("kernel", of_kernel), ("bias", of_bias)):
            expected[name] = step(expected[name], gradients[name], states[name], t)
    for variable, value in zip(variables, expected.values(), strict=True):
        np.testing.assert_allclose(to_numpy(variable), value, atol=2e-6)


def test_clipped_momentum_comes_back_from_its_config():
    settings = {"kind": "clipped_momentum", **CASES["clipped_momentum"][0]}
    optimizer = build_optimizer(TrainingConfig.model_validate({"optimizer": settings}))
    again = type(optimizer).from_config(optimizer.get_config())
    for name in ("momentum", "clip", "decay"):
        assert getattr(again, name) == getattr(optimizer, name)


@pytest.mark.parametrize(
    ("variant", "first", "second"),
    [
        # g = 0.5, then -0.25, at rate 0.1 and decay 0.75: v = 0.0625, then 0.0625 (tf1: 0.8125, …)
        ("torch", -0.1 * 0.5 / (0.25 + 0.01), 0.1 * 0.25 / (0.25 + 0.01)),
        ("keras", -0.1 * 0.5 / 0.0725**0.5, 0.1 * 0.25 / 0.0725**0.5),
        ("tf1", -0.1 * 0.5 / 0.8225**0.5, 0.1 * 0.25 / 0.635**0.5),
    ],
)
def test_two_updates_of_each_rmsprop_by_hand(variant, first, second):
    settings = {"kind": "rmsprop", "variant": variant, "learning_rate": 0.1}
    optimizer = build_optimizer(
        TrainingConfig.model_validate({"optimizer": {**settings, "decay": 0.75, "epsilon": 0.01}})
    )
    weight = keras.Variable(np.zeros(1, "float32"))
    optimizer.build([weight])
    for gradient, moved in ((0.5, first), (-0.25, first + second)):
        optimizer.apply([keras.ops.convert_to_tensor(np.array([gradient], "float32"))], [weight])
        assert float(to_numpy(weight)[0]) == pytest.approx(moved, rel=1e-5)


def test_a_graph_traces_what_it_does_to_weights_of_one_shape_once(monkeypatch):
    traced, equations = [], AdamTF1._by_the_equations

    def counted(self, m, *others):
        traced.append(tuple(m.shape))
        return equations(self, m, *others)

    monkeypatch.setattr(AdamTF1, "_by_the_equations", counted)
    weights = [
        keras.Variable(np.ones(shape, "float32")) for shape in ((3, 2), (2,), (3, 2), (3, 2))
    ]
    optimizer = build_optimizer(TrainingConfig(optimizer={"kind": "adam_tf1"}))
    optimizer.build(weights)
    update = tf.function(lambda: optimizer.apply([tf.ones(w.shape) for w in weights], weights))
    for _ in range(2):
        update()
    assert sorted(traced) == [(2,), (3, 2)]
