"""SimVP: OpenSTL's numbers, counts and first weights, its layers by hand, its weights' import."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers.goldens_table import errors, tolerance
from tests.helpers.program_names import torch_names_of
from tests.oracles import inception
from tests.porting.test_import_weights import torch_file
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError
from tfvp.layers.batch_norm import BatchNorm
from tfvp.layers.drop_path import DropPath
from tfvp.layers.frame_coder import pixel_shuffle
from tfvp.models.build import build_model, count_parameters
from tfvp.models.clip import ClipPredictor
from tfvp.models.simvp.network import SimVP
from tfvp.porting.import_weights import import_weights

# The first ones by specification and OpenSTL's table (46.8, 15.6, 15.6; 58.0, 12.2, 8.6 million).
COUNTS = {
    ("simvp_gsta", None): 46_769_665,
    ("simvp_gsta", "kth"): 15_632_961,
    ("simvp_gsta", "kitti"): 15_634_243,
    ("simvp", None): 57_946_113,
    ("simvp", "kth"): 12_152_385,
    ("simvp", "kitti"): 8_601_923,
}


def to_numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def of_torch(network, scale: float = 0.3) -> dict[str, np.ndarray]:
    """An array for every name of the program, in its layout."""
    rng, values = np.random.default_rng(0), {}
    for name, pairs in torch_names_of(network).items():
        ((variable, take),) = pairs
        shape = tuple(variable.shape)
        last = {4: (3, 2, 0, 1), 2: (1, 0)}.get(len(shape), (0,))
        shape = tuple(shape[axis] for axis in last)
        if take.__name__ == "depthwise_kernel":
            shape = (shape[1], shape[0], *shape[2:])
        value = rng.normal(0, scale, shape).astype("float32")
        values[name] = np.abs(value) + 0.5 if "running_var" in name else value
    return values


def fill(network, values: dict[str, np.ndarray]) -> None:
    for name, pairs in torch_names_of(network).items():
        for variable, take in pairs:
            variable.assign(take(values[name]))


def test_forward_and_gradients_of_openstl():
    forward, backward = errors("simvp_gsta")
    limits = tolerance("simvp_gsta")
    assert forward < limits[0]
    assert backward is not None
    assert backward < limits[1]


@pytest.mark.parametrize(("config", "preset"), COUNTS)
def test_parameter_counts(config, preset):
    assert count_parameters(load_config(config, preset=preset)) == COUNTS[config, preset]


@pytest.mark.parametrize("inside", [4, 8])  # one group, eight groups
def test_inception_is_the_equations(inside):
    network = ClipPredictor(SimVP(2, 4, 2, 2 * inside, 3, unit="inception"), (8, 12, 1))
    values = of_torch(network)
    fill(network, values)
    x = np.random.default_rng(1).normal(size=(2, 4, 6, 8)).astype("float32")
    ours = to_numpy(network.core.translator(x))
    for clip, found in zip(x, ours, strict=True):
        wanted = inception.translate(np.moveaxis(clip, -1, 0), values, 3)
        np.testing.assert_allclose(np.moveaxis(found, -1, 0), wanted, atol=2e-5)


def test_inception_refuses_channels_that_its_groups_do_not_divide():
    changes = ["model.hidden=6", "data.context_frames=2"]
    with pytest.raises(ConfigError, match="must be a multiple of 8, got 12"):
        load_config("simvp", overrides=changes)
    with pytest.raises(ConfigError, match=r"drop_path: inception has no blocks"):
        load_config("simvp", overrides=["model.drop_path=0.1"])


def test_shuffled_pixels_are_in_pytorchs_order():
    """Channel 4 c + 2 dy + dx of a place is channel c of the square's pixel (dy, dx)."""
    x = np.arange(1 * 2 * 3 * 8).reshape(1, 2, 3, 8).astype("float32")
    y = to_numpy(pixel_shuffle(ops.convert_to_tensor(x)))
    assert y.shape == (1, 4, 6, 2)
    for dy, dx, c in np.ndindex(2, 2, 2):
        np.testing.assert_array_equal(y[:, dy::2, dx::2, c], x[..., 4 * c + 2 * dy + dx])


def test_running_statistics_are_pytorchs():
    """By hand: 1, 2, 3, 6 have mean 3 and squares of 14; 14 / 4 normalises, 14 / 3 is kept."""
    norm = BatchNorm()
    norm.build((None, 2, 1, 1))
    x = np.array([1, 2, 3, 6], "float32").reshape(2, 2, 1, 1)
    y = to_numpy(norm(x, training=True))
    np.testing.assert_allclose(y.ravel(), (x.ravel() - 3) / np.sqrt(3.5 + 1e-5), rtol=1e-6)
    np.testing.assert_allclose(norm.moving_mean, [0.3], rtol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, [0.9 + 0.1 * 14 / 3], rtol=1e-6)
    used = (x - 0.3) / np.sqrt(0.9 + 0.1 * 14 / 3 + 1e-5)
    np.testing.assert_allclose(norm(x), used, rtol=1e-5)  # and stays as it was
    np.testing.assert_allclose(norm.moving_mean, [0.3], rtol=1e-6)


def test_paths_are_dropped_by_clip_and_in_training_alone():
    keras.utils.set_random_seed(0)
    drop, x = DropPath(0.25), np.ones((4000, 2, 3, 1), "float32")
    np.testing.assert_array_equal(drop(x), x)
    np.testing.assert_array_equal(drop(x, training=False), x)
    y = to_numpy(drop(x, training=True))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert (y[:, 0, 0, 0] == 0).mean() == pytest.approx(0.25, abs=0.03)
    assert not np.array_equal(y, to_numpy(drop(x, training=True)))


def test_blocks_are_dropped_the_more_the_deeper():
    network = SimVP(2, 4, 2, 8, 4, unit="gsta", drop_path=0.1).make_translator()
    rates = [block.drop.rate for block in network.blocks]
    np.testing.assert_allclose(rates, [0.01, 0.04, 0.07, 0.1])
    last = SimVP(2, 4, 2, 8, 4, unit="gsta", drop_path=0.0).make_translator().blocks[-1]
    assert last.drop is None  # what is never dropped has no layer


def test_first_weights_are_the_programs():
    """Normal 0.02 outside, normal sqrt(2 / fan_out) in gSTA's blocks, PyTorch's own elsewhere."""
    keras.utils.set_random_seed(0)
    experiment = load_config("simvp_gsta", preset="quick", overrides=["model.mlp_ratio=8"])
    core = build_model(experiment).core
    block, width = core.translator.blocks[1], experiment.model.translator_hidden
    for kernel, deviation in (
        (core.encoder.blocks[1].conv.kernel, 0.02),
        (core.decoder.blocks[0].conv.kernel, 0.02),
        (block.attention.mix.kernel, (2 / (2 * width)) ** 0.5),
        (block.attention.far.kernel, (2 / 49) ** 0.5),
        (block.mlp.fc1.kernel, (2 / (8 * width)) ** 0.5),
        (block.mlp.near.kernel, (2 / 9) ** 0.5),
        (block.mlp.fc2.kernel, (2 / width) ** 0.5),
    ):
        assert float(ops.std(kernel)) == pytest.approx(deviation, rel=0.06), kernel.path
    for layer in (core.encoder.blocks[1].conv, block.attention.mix, block.mlp.near):
        assert not to_numpy(layer.bias).any()
    for layer, fan_in in ((core.translator.reductions["0"], 80), (core.decoder.readout, 16)):
        for weight in (layer.kernel, layer.bias):
            assert float(ops.max(ops.abs(weight))) <= fan_in**-0.5
        assert float(ops.std(layer.kernel)) == pytest.approx((3 * fan_in) ** -0.5, rel=0.3)
    np.testing.assert_allclose(block.scales[0], 0.01)


@pytest.mark.parametrize("unit", ["gsta", "inception"])
def test_openstls_checkpoints_are_imported(unit, tmp_path):
    """As Lightning saves them: every name after `model.`, batches counted beside."""
    network = ClipPredictor(SimVP(2, 4, 2, 16, 2, unit=unit), (8, 12, 1))
    values = of_torch(network)
    counters = {
        name.replace("running_mean", "num_batches_tracked"): np.array([7])
        for name in values
        if name.endswith("running_mean")
    }
    saved = {f"model.{name}": value for name, value in (values | counters).items()}
    file = torch_file(tmp_path / "model.pth", saved)
    account = import_weights(network, file, tmp_path / "weights.npz")
    assert account.unmatched == 0
    assert {row.note for row in account.rows} <= {"", "not used by its program"}
    again = ClipPredictor(SimVP(2, 4, 2, 16, 2, unit=unit), (8, 12, 1))
    fill(again, values)
    x = np.random.default_rng(2).random((1, 2, 8, 12, 1)).astype("float32")
    np.testing.assert_array_equal(network.predict_frames(x, 2), again.predict_frames(x, 2))


def test_a_longer_horizon_reads_what_was_predicted_and_a_shorter_one_is_cut():
    network = ClipPredictor(SimVP(2, 4, 2, 16, 2, unit="gsta"), (8, 12, 1))
    x = np.random.default_rng(2).random((1, 2, 8, 12, 1)).astype("float32")
    first = network.predict_frames(x, 2)
    second = network.predict_frames(to_numpy(first), 2)
    np.testing.assert_allclose(
        network.predict_frames(x, 3), np.concatenate([first, second], axis=1)[:, :3], atol=1e-6
    )
    np.testing.assert_allclose(network.predict_frames(x, 1), first[:, :1], atol=1e-6)
