"""TAU with flow: its program's numbers, the order of its flow, and the weights it cannot bring."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import tiny
from tests.helpers.goldens_table import errors, load, relative_error, tolerance
from tests.porting.test_import_weights import torch_file
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError, WeightsError
from tfvp.experiment.stages import run_stages
from tfvp.models.build import build_model, count_parameters, load_network
from tfvp.models.cost import parameter_count
from tfvp.training.checkpoints import Checkpoints
from tfvp.training.initialise import load_pretrained


def to_numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize("golden", ["tau_flow", "tau_flow_described"])
def test_forward_and_gradients_of_the_program(golden):
    forward, backward = errors(golden)
    limits = tolerance(golden)
    assert forward < limits[0]
    assert backward is not None
    assert backward < limits[1]


@pytest.mark.parametrize("golden", ["tau_flow", "tau_flow_described"])
def test_batch_statistics_of_the_program(golden):
    """Its predictions in training, and its running statistics after."""
    given = load(golden)
    predictions = given.predictor.core(given.numbers["in/frames"], training=True)
    assert relative_error(predictions, given.numbers["train/predictions"]) < 1e-5
    after = [key for key in given.numbers if key.startswith("train/after/")]
    assert len(after) == 12
    for key in after:
        ((variable, _),) = given.takers[key.removeprefix("train/after/")]
        assert relative_error(variable, given.numbers[key]) < 1e-5, key


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ("tau_flow", 44_657_153),
        ("tau_seed004", 1_551_847),
        ("tau_seed004_report", 4_743_079),
    ],
)
def test_parameter_counts(config, count):
    assert count_parameters(load_config(config)) == count


SMALL = (
    *("model.hidden=4", "model.translator_hidden=8", "model.stages=2", "model.blocks=2"),
    *("model.mlp_ratio=2", "model.flow.updates=1", "training.micro_batch=4"),
    *("data.frame_px=[8,8]", "model.flow.enlarge=8", "data.train_source=records"),
    "data.digit_px=6",
)


def small(folder: Path, *changes: str, config: str = "tau_flow"):
    return tiny.of(config, folder, *SMALL, *changes)


# --- the flow ---


def network(reduction: str):
    changes = ("model.flow.enlarge=8", f"model.flow.reduction={reduction}")
    return build_model(small(Path(), *changes))


def test_flow_is_from_the_frame_before_and_zero_beside_the_first():
    core, seen = network("mean").core, []

    def raft(first, second):
        seen.append((first, second))
        return ops.stack([first[..., 0], second[..., 0]], axis=-1)

    core.raft = raft
    levels = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 2.0]], "float32")  # of each clip's frames
    flow = to_numpy(
        core.estimate(np.ones((2, 3, 8, 8, 1), "float32") * levels[..., None, None, None])
    )
    assert flow.shape == (2, 3, 64, 64, 2)
    assert seen[0][0].shape == (4, 64, 64, 3)
    wanted = [[[0, 0], [0.1, 0.2], [0.2, 0.3]], [[0, 0], [0.4, 0.5], [0.5, 1.0]]]  # clipped
    np.testing.assert_allclose(flow[:, :, 5, 7], wanted, atol=1e-6)


def test_flow_comes_back_to_the_frame_in_units_of_four_pixels():
    flow = np.zeros((1, 2, 64, 64, 2), "float32")
    flow[0, 1, 8:16, 16:24] = (16.0, -32.0)  # of the frame's pixels a half, and minus one unit
    reduced = to_numpy(network("mean").core.reduced(flow))
    wanted = np.zeros((1, 2, 8, 8, 2))
    wanted[0, 1, 1, 2] = (0.5, -1.0)
    np.testing.assert_allclose(reduced, wanted, atol=1e-6)
    learned = to_numpy(network("learned").core.reduced(flow))
    assert learned.shape == (1, 2, 8, 8, 2)
    assert learned.min() >= 0


def test_what_is_drawn_is_where_a_frame_came_from_rows_first():
    predictor = network("mean")
    predictor.core.raft = lambda first, second: (
        8 * ops.stack([first[..., 0], 2 * second[..., 0]], axis=-1)
    )
    drawings = predictor.drawings()
    assert drawings is not None
    context, prediction = np.full((3, 8, 8, 1), 0.25), np.full((2, 8, 8, 1), 0.5)
    prediction[1] = 1.0
    (flow,) = drawings(context, prediction).values()
    assert flow.shape == (2, 8, 8, 2)
    # from a frame to the one before it, (x, y) turned, in pixels of the frame
    np.testing.assert_allclose(flow[:, 3, 4], [[0.5, 0.5], [1.0, 1.0]])


def test_no_gradient_goes_through_the_flow_and_what_it_is_of_is_not_trained():
    predictor = network("learned")
    paths = {weight.path for weight in predictor.trainable_variables}
    assert not any("raft" in path for path in paths)
    whole = sum(int(np.prod(weight.shape)) for weight in predictor.weights)
    statistics = [w for w in predictor.weights if w.name.startswith("moving_")]
    expected = whole - sum(int(np.prod(weight.shape)) for weight in statistics) - 990_162
    assert parameter_count(predictor) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.flow.enlarge=4", "at least 64 pixels a side and of multiples of 8, got 32x32"),
        ("data.frame_px=[10,10]", "multiples of 8, got 80x80"),
        ("data.context_frames=1", "the flow needs two frames at least, got 1"),
    ],
)
def test_sizes_that_do_not_do_are_one_line(change, said):
    changes = (
        (change, "model.stages=2") if "10,10" not in change else (change, "model.flow.enlarge=9")
    )
    said = said.replace("80x80", "90x90")
    with pytest.raises(ConfigError, match=said):
        small(Path(), *changes)


# --- the weights ---


def raft_file(folder: Path) -> Path:
    """Such a file as RAFT's, of numbers by chance."""
    (program,) = network("mean").core.pretrained_parts()["flow"].programs().values()
    rng, values = np.random.default_rng(0), {}
    for name, ((variable, _),) in program.names.items():
        shape = tuple(variable.shape)
        shape = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape
        fan_in = np.prod(shape[1:])
        values[f"module.{name}"] = rng.normal(0, min(0.1, fan_in**-0.5), shape).astype("<f4")
    return torch_file(folder / "raft-small.pth", values)


def test_without_the_weights_nothing_is_prepared(tmp_path):
    weights = tmp_path / "weights.npz"
    job = tiny.job(small(tmp_path, f"model.flow.weights={weights}"))
    said = (
        rf"model.flow.weights: {weights} does not exist; get raft-small.pth .*princeton-vl/RAFT, "
        rf"then: tfvp import raft-small.pth --config tau_flow --part flow --out {weights}$"
    )
    with pytest.raises(WeightsError, match=said):
        run_stages(job, ("prepare", "train"))
    weights.write_bytes(b"PK no archive")
    with pytest.raises(WeightsError, match=r"weights.npz is damaged: .*; expected what this makes"):
        run_stages(job, ("prepare", "train"))
    assert not (tmp_path / "data").exists()
    np.savez(weights, **{"weights/other": np.zeros(3)})
    with pytest.raises(WeightsError, match=r"weights.npz: core/raft/.*: not in the checkpoint"):
        run_stages(job, ("prepare", "train"))
    assert not (tmp_path / "results").exists()


@pytest.fixture
def imported(tmp_path, capsys) -> Path:
    """What tfvp import makes of such a file."""
    weights = tmp_path / "new" / "raft.npz"
    command = ["import", str(raft_file(tmp_path)), "--config", "tau_flow", "--preset", "quick"]
    command += ["--out", str(weights)]
    assert main([*command, "--part", "raft"]) == 2
    assert "--part raft: this network has flow" in capsys.readouterr().err
    assert main([*command, "--part", "flow"]) == 0
    assert "106 weights imported, 0 without a counterpart" in capsys.readouterr().out
    return weights


def test_imported_weights_are_the_networks_and_go_with_its_file(imported, tmp_path):
    experiment = small(tmp_path, f"model.flow.weights={imported}")
    predictor, lines = build_model(experiment), []
    load_pretrained(predictor, experiment, lines.append)
    assert lines == [f"weights of flow, which stay as they are, from {imported}"]
    arrays = np.load(imported)
    assert len(arrays.files) == 107
    for weight in predictor.core.raft.weights:
        np.testing.assert_array_equal(to_numpy(weight), arrays[f"weights/{weight.path}"])
    predictor.save(tmp_path / "network.keras")
    again, clip = load_network(tmp_path / "network.keras"), tiny.moving_squares()[:1, :3, :8, :8]
    flow = to_numpy(again.core.estimate(clip))
    assert np.abs(flow[:, 1:]).max() > 0.01
    np.testing.assert_array_equal(flow, to_numpy(predictor.core.estimate(clip)))


@pytest.mark.slow
def test_a_run_holds_the_weights_and_leaves_them_as_they_are(imported, tmp_path):
    job = tiny.job(small(tmp_path, f"model.flow.weights={imported}"))
    run_stages(job, ("prepare", "train"))
    arrays = np.load(imported)
    _, state = Checkpoints(job.run.checkpoints).load_latest()
    for name in arrays.files:
        if name != "step":
            np.testing.assert_array_equal(state[name], arrays[name], err_msg=name)
    assert not any("raft" in name for name in state if not name.startswith("weights/"))
    elsewhere = tiny.job(small(tmp_path, "model.flow.weights=gone.npz"))
    run_stages(elsewhere, ("evaluate", "report", "export"))
    exported = load_network(job.run.export / "network.keras")
    np.testing.assert_array_equal(
        to_numpy(exported.core.raft.features.first.kernel),
        arrays["weights/core/raft/fnet/conv1/kernel"],
    )


@pytest.mark.realdata
def test_the_released_file_is_imported_whole(tmp_path):
    source = Path(os.environ["TFVP_DATA"]) / "weights" / "raft-small.pth"
    out = tmp_path / "raft-small.npz"
    command = ["import", str(source), "--config", "tau_flow", "--preset", "quick"]
    assert main([*command, "--part", "flow", "--out", str(out)]) == 0
    arrays = np.load(out)
    assert sum(arrays[name].size for name in arrays.files if name != "step") == 990_162
