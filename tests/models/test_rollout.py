"""Networks: counts of the literature, wiring, and a rollout that never peeks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvp.config.loading import load_config
from tfvp.layers.patches import fold_patches, unfold_patches
from tfvp.models.build import build_model
from tfvp.models.e3d_lstm.network import EideticStack
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.models.rollout import rollout
from tfvp.models.wiring import layer_input

COUNTS = {
    # published or counted from the original graphs
    ("e3d", ()): 12_898_832,
    ("e3d_residual", ()): 12_898_832,
    ("e2d", ()): 6_473_232,
    ("e3d", ("data.frame_px=[128, 128]", "model.patch_px=8")): 13_980_224,
    ("e2d", ("data.frame_px=[128, 128]", "model.patch_px=8")): 7_017_024,
    ("e3d_residual_concat", ()): 14_334_480,
}


@pytest.mark.parametrize(("config", "changes"), COUNTS, ids=lambda x: "".join(x) or "as is")
def test_parameter_counts(config, changes):
    assert (
        build_model(load_config(config, overrides=changes)).count_params()
        == COUNTS[config, changes]
    )


def small(frame_shape=(8, 12, 1), **changes) -> RecurrentPredictor:
    keras.utils.set_random_seed(3)
    core = EideticStack((4, 4, 4, 4), (2, 3, 3), **{"wiring": "residual", **changes})
    return RecurrentPredictor(core, frame_shape, 4)


def clips(batch=2, length=7, frame_shape=(8, 12, 1)):
    return np.random.default_rng(0).random((batch, length, *frame_shape)).astype("float32")


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_patches_by_hand_and_back():
    frame = np.arange(16, dtype="float32").reshape(1, 1, 4, 4, 1)
    folded = to_numpy(fold_patches(frame, 2))
    np.testing.assert_array_equal(folded[0, 0, 0, 1], [2, 3, 6, 7])  # upper right square, by rows
    x = clips(frame_shape=(4, 6, 3))
    np.testing.assert_array_equal(
        to_numpy(fold_patches(x, 2))[0], to_numpy(tf.nn.space_to_depth(x[0], 2))
    )
    np.testing.assert_array_equal(to_numpy(unfold_patches(fold_patches(x, 2), 2)), x)


def test_wiring_by_hand():
    outputs = [np.full((1, 2), value, "float32") for value in (1.0, 10.0, 100.0, 1000.0)]
    received = {
        wiring: [to_numpy(layer_input(layer, outputs[:layer], wiring)) for layer in (1, 2, 3, 4)]
        for wiring in ("plain", "residual", "residual_concat")
    }
    assert [x[0, 0] for x in received["plain"]] == [1, 10, 100, 1000]
    assert [x[0, 0] for x in received["residual"]] == [1, 11, 100, 1100]
    assert [x.shape[1] for x in received["residual_concat"]] == [2, 4, 2, 4]
    assert received["residual_concat"][1].tolist() == [[10, 10, 1, 1]]


class Counter:
    """A "network" that predicts 100 + what it read, and counts its steps in its state."""

    def __call__(self, frame, state):
        return frame + 100.0, state + 1


def test_rollout_reads_truth_then_itself_by_hand():
    frames = np.arange(1.0, 6.0, dtype="float32").reshape(1, 5, 1, 1, 1)  # context 3, then 4, 5
    mask = np.array([[1.0, 0.0]], "float32")
    state = keras.ops.zeros((1,))
    fed = rollout(Counter(), state, frames, predict_frames=3, mask=mask)
    # reads 1 2 3 | the truth 4 | its own prediction 104
    assert to_numpy(fed).ravel().tolist() == [101, 102, 103, 104, 204]
    free = rollout(Counter(), state, frames[:, :3], predict_frames=3)
    assert to_numpy(free).ravel().tolist() == [101, 102, 103, 203, 303]
    half = rollout(
        Counter(),
        state,
        frames[:, :4],
        predict_frames=2,
        mask=np.array([[0.5]], "float32"),
    )
    assert to_numpy(half).ravel()[-1] == 100 + 0.5 * 4 + 0.5 * 103


@pytest.mark.parametrize("frame_shape", [(8, 12, 1), (12, 4, 3)])
@pytest.mark.parametrize(("context", "horizon"), [(1, 1), (2, 6)])
def test_any_context_horizon_and_a_batch_of_one(frame_shape, context, horizon):
    predictor = small(frame_shape)
    x = clips(1, context, frame_shape)
    assert predictor.predict_frames(x, horizon).shape == (1, horizon, *frame_shape)


def test_wiring_and_memory_change_the_prediction():
    x = clips()
    plain, residual, carried, two = (
        to_numpy(small(**changes).predict_frames(x, 2))
        for changes in (
            {"wiring": "plain"},
            {},
            {"carry_memory": True},
            {"wiring": "residual_concat"},
        )
    )
    for other in (plain, carried, two):
        assert not np.allclose(residual, other, atol=1e-4)


def test_two_layers_with_residual_wiring_add_only_at_the_decoder():
    keras.utils.set_random_seed(3)
    core = EideticStack((4, 4), (2, 3, 3), wiring="residual")
    predictor = RecurrentPredictor(core, (8, 12, 1), 4)
    assert predictor.predict_frames(clips(), 2).shape == (2, 2, 8, 12, 1)
    assert [sorted(core.decoder.kernel.shape)[-1]] == [16]


def test_frames_of_another_shape_are_refused_in_one_line():
    with pytest.raises(
        ValueError, match=r"context: expected \(B, T, 8, 12, 1\), got \(2, 7, 8, 8, 1\)"
    ):
        small().predict_frames(clips(frame_shape=(8, 8, 1)), 2)
