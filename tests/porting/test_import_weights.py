"""`tfvp import` and `tfvp list`: every name accounted for, and imported weights predict."""

import json
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tests import GOLDENS
from tests.porting.test_torch_state import state_dict, tensor, write
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.errors import WeightsError
from tfvp.layers.patches import unfold_patches
from tfvp.models.build import build_model, count_parameters
from tfvp.models.e3d_lstm.network import EideticStack
from tfvp.models.e3d_lstm.weights import E3DProgram
from tfvp.models.prednet.network import PredNet
from tfvp.models.predrnn.network import PredRNN
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.models.registry import MODELS, info
from tfvp.porting.import_weights import import_weights
from tfvp.porting.read import program_of
from tfvp.training.checkpoints import read_state
from tfvp.training.initialise import load_weights


def built(core, shape):
    core.build((None, *shape))
    return core


SMALL = (
    *("--set", "model.hidden=[3, 2]", "--set", "model.patch_px=2"),
    *("--set", "model.cell.kernel=[3, 3]", "--set", "model.cell.state_kernel=[3, 3]"),
    *("--set", "data.frame_px=[8, 10]", "--set", "data.digit_px=6"),
)


def openstl_weights() -> dict[str, np.ndarray]:
    """Such a state dict as OpenSTL saves for its ConvLSTM of 3 and 2 channels on patches of 2."""
    rng = np.random.default_rng(0)
    shapes = {}
    for i, (width, before) in enumerate(((3, 4), (2, 3))):
        shapes[f"cell_list.{i}.conv_x.0.weight"] = (4 * width, before, 3, 3)
        shapes[f"cell_list.{i}.conv_h.0.weight"] = (4 * width, width, 3, 3)
        shapes[f"cell_list.{i}.conv_o.0.weight"] = (width, 2 * width, 3, 3)  # never used
        shapes[f"cell_list.{i}.conv_last.weight"] = (width, 2 * width, 1, 1)  # never used
    shapes["conv_last.weight"] = (4, 2, 1, 1)
    return {name: rng.normal(0, 0.4, shape).astype("<f4") for name, shape in shapes.items()}


def torch_file(path: Path, values: dict[str, np.ndarray]) -> Path:
    kinds = {"float32": "FloatStorage", "int64": "LongStorage"}
    codes = {}
    for k, (name, v) in enumerate(values.items()):
        strides = [s // v.itemsize for s in v.strides]
        codes[name] = tensor(kinds[str(v.dtype)], str(k), v.size, v.shape, strides)
    return write(path, state_dict(**codes), {str(k): v for k, v in enumerate(values.values())})


def openstl_prediction(context: np.ndarray, horizon: int, weights: dict[str, np.ndarray]):
    """OpenSTL's loop in NumPy on one clip of patches (T, H, W, C), its kernels as they are."""

    def convolve(x, kernel):
        k = kernel.shape[-1]
        padded = np.pad(x, [(k // 2, k // 2)] * 2 + [(0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(0, 1))
        return np.einsum("hwcij,ocij->hwo", windows, kernel)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    states = [[np.zeros((*context.shape[1:3], n))] * 2 for n in (3, 2)]
    frames, x_gen = [], None
    for t in range(len(context) + horizon - 1):
        net = context[t] if t < len(context) else x_gen
        for layer, (h, c) in enumerate(states):
            gates = convolve(net, weights[f"cell_list.{layer}.conv_x.0.weight"])
            gates = gates + convolve(h, weights[f"cell_list.{layer}.conv_h.0.weight"])
            i, f, g, o = np.split(gates, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            net = sigmoid(o) * np.tanh(c)
            states[layer] = [net, c]
        x_gen = convolve(net, weights["conv_last.weight"])
        frames.append(x_gen)
    return np.array(frames[-horizon:])


def test_an_openstl_state_dict_predicts_as_its_program_does(tmp_path, capsys):
    weights = openstl_weights()
    source, out = torch_file(tmp_path / "openstl.pt", weights), tmp_path / "ours.npz"
    command = ["import", str(source), "--config", "conv_lstm_openstl", *SMALL, "--out", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "5 weights imported, 0 without a counterpart" in printed[-1]
    assert sum("not used by its program" in line for line in printed) == 4
    assert any("cell_list.1.conv_h.0.weight" in line and "layer1" in line for line in printed)

    experiment = load_config("conv_lstm_openstl", overrides=[c for c in SMALL if c != "--set"])
    predictor = build_model(experiment)
    load_weights(predictor, read_state(out))
    x = np.random.default_rng(1).random((1, 4, 8, 10, 1)).astype("float32")
    ours = keras.ops.convert_to_numpy(predictor._fold(predictor.predict_frames(x, 3)))[0]
    patches = keras.ops.convert_to_numpy(predictor._fold(x))[0].astype("float64")
    np.testing.assert_allclose(ours, openstl_prediction(patches, 3, weights), atol=1e-5)
    assert main(command) == 1  # never overwritten
    assert "is there already" in capsys.readouterr().err


def test_names_left_over_on_either_side_need_partial(tmp_path, capsys):
    weights = openstl_weights()
    del weights["cell_list.1.conv_x.0.weight"]
    weights["more.weight"] = np.zeros((2, 2), "<f4")
    source, out = torch_file(tmp_path / "some.pt", weights), tmp_path / "ours.keras"
    command = ["import", str(source), "--config", "conv_lstm_openstl", *SMALL, "--out", str(out)]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "2 names have no counterpart, e.g. more.weight, " in said
    assert not out.exists()
    assert main([*command, "--partial"]) == 0
    printed = capsys.readouterr().out
    assert "left over" in printed
    assert "stays as initialised" in printed
    assert "4 weights imported, 2 without a counterpart" in printed
    assert [path.name for path in tmp_path.glob("*ours*")] == ["ours.keras"]


def test_another_shape_or_network_is_refused_even_with_partial(tmp_path, capsys):
    source = torch_file(tmp_path / "a.pt", openstl_weights())
    common = ["import", str(source), "--out", str(tmp_path / "o.npz"), "--partial", "--config"]
    assert main([*common, "conv_lstm_openstl", *SMALL, "--set", "model.hidden=[4, 2]"]) == 1
    said = capsys.readouterr().err
    assert "(12, 4, 3, 3), in our order (3, 3, 4, 12), the configuration makes" in said
    assert "(3, 3, 4, 16)" in said
    assert main([*common, "e3d_residual", "--preset", "quick"]) == 1
    assert "no PyTorch program is known for this network" in capsys.readouterr().err
    assert main([*common, "conv_lstm_stack", "--preset", "quick"]) == 1  # its cells have biases
    assert list(tmp_path.glob("*o.npz*")) == []


def test_an_e3d_checkpoint_predicts_as_its_program_did(tmp_path, capsys):
    golden = np.load(GOLDENS / "e3d_lstm_from_checkpoint.npz", allow_pickle=False)
    height, width, channels = golden["in/frames"].shape[2:]
    prefix, out = GOLDENS / "tf1_checkpoint" / "model.ckpt-80000", tmp_path / "e3d.keras"
    changes = [f"data.frame_px=[{2 * height}, {2 * width}]", "model.patch_px=2"]
    changes += ["model.hidden=[3, 3, 3, 3]", "data.digit_px=4", "evaluation.metrics=[mse]"]
    assert channels == 4
    overrides = [word for change in changes for word in ("--set", change)]
    assert main(["import", str(prefix), "--config", "e3d", *overrides, "--out", str(out)]) == 0
    assert "82 weights imported" in capsys.readouterr().out
    predictor = keras.saving.load_model(out, compile=False)
    expected = golden["checkpoint/predictions_free_running"]
    context = golden["in/frames"].shape[1] - expected.shape[1]
    frames = unfold_patches(golden["in/frames"][:, :context], 2)
    ours = predictor._fold(predictor.predict_frames(frames, expected.shape[1]))
    error = np.linalg.norm(keras.ops.convert_to_numpy(ours) - expected) / np.linalg.norm(expected)
    assert error < 1e-5


def relative_error(ours, golden) -> float:
    ours = keras.ops.convert_to_numpy(ours)
    return float(np.linalg.norm(ours - golden) / np.linalg.norm(golden))


def import_into(core, frame_shape, source, out, *, late_feedback=False, **options):
    """Import beside a network of the same make, and give back the one that loads the result."""
    again = type(core).from_config(core.get_config())
    one, other = (
        RecurrentPredictor(each, frame_shape, late_feedback=late_feedback) for each in (core, again)
    )
    account = import_weights(one, source, out, **options)
    load_weights(other, read_state(out))
    return other, account


@pytest.mark.parametrize("name", ["predrnn", "predrnn_layer_norm"])
def test_a_predrnn_checkpoint_predicts_as_its_program_did(name, tmp_path):
    """Its `net_param`, beside which another program might keep its optimizer."""
    numbers = np.load(GOLDENS / f"{name}.npz", allow_pickle=False)
    meta, frames = json.loads(str(numbers["meta"])), numbers["in/frames"]
    state = {k.replace("var/", "net_param."): numbers[k] for k in numbers if k.startswith("var/")}
    state["optimizer.0.exp_avg"] = np.ones(3, "float32")
    core = PredRNN(tuple(meta["hidden"]), meta["filter_size"], layer_norm=bool(meta["layer_norm"]))
    source = torch_file(tmp_path / "model.ckpt", state)
    ours, account = import_into(core, frames.shape[2:], source, tmp_path / "ours.npz")
    assert account.unmatched == 0
    assert [row.note for row in account.rows if row.note] == ["not among net_param.…"]
    mask = numbers["in/real_input_flag"][..., 0, 0, 0]
    found = ours({"frames": frames, "teacher_forcing_mask": mask})
    assert relative_error(found, numbers["out/predictions"]) < 1e-5
    old = torch_file(tmp_path / "old.ckpt", {**state, "net_param.conv.bias": np.zeros(3, "f4")})
    with pytest.raises(WeightsError, match=r"1 names have no counterpart, e.g. net_param.conv.b"):
        import_weights(ours, old, tmp_path / "old.npz")


def test_a_predrnn_pp_checkpoint_predicts_as_its_program_did(tmp_path):
    numbers = np.load(GOLDENS / "predrnn_pp.npz", allow_pickle=False)
    prefix = GOLDENS / "tf1_checkpoint" / "predrnn_pp.ckpt-80000"
    ours, account = import_into(PredRNNPP((4, 3, 3, 3)), (4, 4, 4), prefix, tmp_path / "pp.npz")
    assert account.unmatched == 0
    golden = numbers["checkpoint/predictions_free_running"][:, 9:]
    found = ours.predict_frames(numbers["in/frames"][:, :10], 3)
    assert relative_error(found, golden) < 1e-3  # see goldens_table.ENLARGED
    with pytest.raises(WeightsError, match="not of the E3D-LSTM program"):
        E3DProgram(built(EideticStack((3,)), (4, 4, 4))).everything(str(prefix))
    with pytest.raises(WeightsError, match="no TF1 program is known"):
        program_of(built(PredNet((4,)), (4, 4, 1)).programs(), str(prefix), "tf1")


def test_a_prednet_file_predicts_as_its_program_did(tmp_path):
    """Of both backends of Keras 2: Theano's kernels are the same ones turned."""
    numbers = np.load(GOLDENS / "prednet.npz", allow_pickle=False)
    theano = tmp_path / "theano.hdf5"
    shutil.copy(GOLDENS / "prednet_weights.hdf5", theano)
    with h5py.File(theano, "a") as file:
        for name in file["pred_net_1"].attrs["weight_names"]:
            weight = file["pred_net_1"][name]
            weight[...] = weight[()][::-1, ::-1] if weight.ndim == 4 else weight[()]
        more = file.create_group("dense_1")
        more["dense_1/kernel:0"] = np.ones((3, 1), "float32")
        more.attrs["weight_names"] = [b"dense_1/kernel:0"]
        file.attrs["layer_names"] = [*file.attrs["layer_names"], b"dense_1"]
    golden = numbers["out/prediction_extrapolated"][:, 4:]
    for source, kernels, error in (
        (GOLDENS / "prednet_weights.hdf5", "auto", 1e-5),
        (theano, "theano", 1e-5),
        (theano, "tensorflow", None),
    ):
        ours, account = import_into(
            PredNet((4, 6)),
            (8, 12, 3),
            source,
            tmp_path / f"{source.stem}-{kernels}.npz",
            late_feedback=True,
            kernels=kernels,
        )
        found = relative_error(ours.predict_frames(numbers["in/frames"][:, :4], 2), golden)
        assert found < error if error else found > 1e-2
        rows = {row.original: row for row in account.rows}
        assert rows["pred_net_1/layer_a_0/kernel:0"].ours.endswith("kernel")
        assert ("dense_1/kernel:0" in rows) == (source == theano)
    assert rows["dense_1/kernel:0"].note == "of another layer"
    assert account.unmatched == 0


def test_the_command_turns_theanos_kernels(tmp_path, capsys):
    """PredNet in the shape of its golden needs colour frames: data of another kind."""
    data = "{dataset: kitti, frame_px: [8, 12], context_frames: 4, predict_frames: 2}"
    common = ["import", str(GOLDENS / "prednet_weights.hdf5"), "--config", "prednet"]
    common += ["--set", f"data={data}", "--set", "model.channels=[4, 6]"]
    common += ["--set", "evaluation.metrics=[mse]"]
    kernels = {}
    for backend in ("auto", "theano"):
        out = tmp_path / f"{backend}.npz"
        assert main([*common, "--kernels", backend, "--out", str(out)]) == 0
        assert "34 weights imported, 0 without a counterpart" in capsys.readouterr().out
        kernels[backend] = {k: v for k, v in np.load(out).items() if v.ndim == 4}
    for name, kernel in kernels["auto"].items():
        np.testing.assert_array_equal(kernels["theano"][name], kernel[::-1, ::-1])


def test_every_network_is_listed_with_its_count_and_options(capsys):
    assert main(["list", "models"]) == 0
    printed = capsys.readouterr().out
    for line in (
        "  parameters  7,585,296 with conv_lstm_shi.yaml",
        "  parameters  12,898,832 with e3d.yaml",
        "  parameters  167,823,360 with fc_lstm.yaml",
    ):
        assert line in printed
    assert "cell.peephole: none | channel | full | conv" in printed
    assert printed.count("fidelity") == len(MODELS)


def test_the_catalogue_is_complete():
    for name in MODELS:
        entry = info(name)
        assert load_config(entry.config).model.network == name
        assert entry.fidelity in ("paper", "released", "both")


def test_counting_without_allocating_counts_right():
    experiment = load_config("e3d_residual", preset="quick")
    assert count_parameters(experiment) == build_model(experiment).count_params()  # no norms
