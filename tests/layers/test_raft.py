"""RAFT-small: the lookup by its equations, and with the released weights the program's numbers."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from tests import GOLDENS
from tests.helpers.goldens_table import relative_error
from tfvp.layers.raft import RAFTSmall, enlarge
from tfvp.layers.raft_correlation import correlation_pyramid, look_up
from tfvp.models.tau_flow.weights import raft_names
from tfvp.porting.torch_program import TorchProgram


def to_numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def bilinear(picture: np.ndarray, x: float, y: float) -> float:
    """A picture (h, w) at a place between its pixels; what is outside is zero."""
    total, left, top = 0.0, int(np.floor(x)), int(np.floor(y))
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]:
                total += (1 - abs(x - column)) * (1 - abs(y - row)) * picture[row, column]
    return total


def test_the_lookup_is_its_equations():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 2, 9, 12, 5)).astype("float32")
    places = rng.uniform(-4, 14, (2, 9, 12, 2)).astype("float32")
    found = to_numpy(look_up(correlation_pyramid(first, second), places))
    assert found.shape == (2, 9, 12, 196)
    for clip, row, column in ((0, 0, 0), (1, 4, 7), (0, 8, 11)):
        level = np.einsum("c,hwc->hw", first[clip, row, column], second[clip]) / 5**0.5
        wanted, (x, y) = [], places[clip, row, column]
        for number in range(4):
            for i in range(-3, 4):
                for j in range(-3, 4):
                    wanted.append(bilinear(level, x / 2**number + i, y / 2**number + j))
            rows, columns = (size // 2 for size in level.shape)
            cut = level[: 2 * rows, : 2 * columns]
            level = cut.reshape(rows, 2, columns, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(found[clip, row, column], wanted, atol=2e-6)


def test_enlarging_keeps_the_corners_and_is_linear_between():
    x = np.array([[[0.0, 3.0], [6.0, 9.0]]], "float32")[..., None]
    found = to_numpy(enlarge(x, 2))[0, ..., 0]
    np.testing.assert_allclose(found, 2 * np.arange(4)[:, None] + np.arange(4), atol=1e-6)


def of_formula() -> RAFTSmall:
    """A layer all of whose weights matter and that finds a flow of some pixels."""
    layer, rng = RAFTSmall(2, name="raft"), np.random.default_rng(0)
    layer.build()
    for weight in layer.weights:
        fan_in = np.prod(weight.shape[:-1])
        weight.assign(rng.normal(0, min(0.1, 1.4 / np.sqrt(fan_in)), weight.shape))
    return layer


def test_the_layer_before_and_after_it_has_weights():
    layer = RAFTSmall(2)
    layer.build()
    assert layer.count_params() == 990_162
    first, second = np.random.default_rng(0).random((2, 2, 64, 72, 3)).astype("float32")
    assert not to_numpy(layer(first, second)).any()
    layer = of_formula()
    flow = to_numpy(layer(first, second))
    assert flow.shape == (2, 64, 72, 2)
    assert np.isfinite(flow).all()
    assert 0.1 < np.abs(flow).max() < 1000
    alone = to_numpy(layer(first[1:], second[1:]))  # a clip's flow is not that of another
    np.testing.assert_allclose(alone[0], flow[1], atol=1e-3)


# --- with the released weights ---


@pytest.fixture(scope="module")
def released() -> RAFTSmall:
    layer = RAFTSmall(name="raft")
    layer.build()
    program = TorchProgram(raft_names(layer))
    for variable, value in program.weights(
        str(Path(os.environ["TFVP_DATA"]) / "weights" / "raft-small.pth")
    ):
        variable.assign(value)
    return layer


@pytest.mark.realdata
@pytest.mark.parametrize(("pair", "limit_px"), [("mnist", 2e-3), ("kitti", 1e-4)])
def test_every_update_of_the_program(released, pair, limit_px):
    numbers = np.load(GOLDENS / "raft_small.npz", allow_pickle=False)
    first, second = (numbers[f"in/{pair}/{n}"][None] / np.float32(255) for n in ("first", "second"))
    flows = [to_numpy(flow)[0] for flow in released.small_flows(first, second)]
    wanted = numbers[f"out/{pair}/flow_eighth"]
    assert np.abs(np.stack(flows) - wanted).max() < limit_px
    flow = to_numpy(released(first, second))[0]
    assert np.abs(flow - numbers[f"out/{pair}/flow"][1]).max() < limit_px


@pytest.mark.realdata
def test_the_inner_maps_of_the_program(released):
    numbers = np.load(GOLDENS / "raft_small.npz", allow_pickle=False)
    first, second = (2 / 255 * numbers[f"in/mnist/{n}"][None] - 1 for n in ("first", "second"))
    maps = [to_numpy(released.features(x.astype("float32"))) for x in (first, second)]
    pyramid = correlation_pyramid(*maps)
    places = np.stack(np.meshgrid(np.arange(16), np.arange(16)), axis=-1)[None].astype("float32")
    found = {
        "fmap1": maps[0],
        "fmap2": maps[1],
        "cnet": released.context(first.astype("float32")),
        "corr_level_0": pyramid[0],
        "corr_level_3": pyramid[3],
        "lookup_first": look_up(pyramid, places),
    }
    for name, value in found.items():  # black between the digits has hardly a variance to divide by
        assert relative_error(to_numpy(value)[0], numbers[f"mid/mnist/{name}"]) < 1e-4, name


@pytest.mark.realdata
def test_pictures_by_a_formula(released):
    numbers = np.load(GOLDENS / "raft_small_formula.npz", allow_pickle=False)
    first, second = numbers["a"] / 255, numbers["b"] / 255
    assert np.abs(to_numpy(released(first, second)) - numbers["flow12"]).max() < 1e-3
    once = to_numpy(released.small_flows(first, second)[0])
    assert np.abs(to_numpy(enlarge(8 * once, 8)) - numbers["flow1"]).max() < 1e-3


@pytest.mark.realdata
@pytest.mark.parametrize(("x", "y"), [(0, 0), (5, 0), (0, 5), (-7, 3)])
def test_a_known_shift_is_found(released, x, y):
    noise = np.random.default_rng(0).random((1, 40, 40, 3)).astype("float32")
    texture = to_numpy(keras.ops.image.resize(noise, (160, 160), interpolation="bicubic"))
    first = texture[:, 16:144, 16:144]
    second = texture[:, 16 - y : 144 - y, 16 - x : 144 - x]
    flow = to_numpy(released(np.clip(first, 0, 1), np.clip(second, 0, 1)))
    found = flow[0, 16:112, 16:112].mean(axis=(0, 1))
    np.testing.assert_allclose(found, (x, y), atol=0.5)
