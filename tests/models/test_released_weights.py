"""Weights of PredRNN++ and PredNet from the formats that their programs wrote."""

import shutil

import h5py
import keras
import numpy as np
import pytest

from tests import GOLDENS
from tests.helpers.program_names import variables_of
from tfvp.config.training import InitConfig
from tfvp.errors import WeightsError
from tfvp.models.prednet.network import PredNet
from tfvp.models.prednet.weights import prednet_weights
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.predrnn_pp.weights import predrnn_pp_weights
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.training.initialise import initialise
from tfvp.training.losses import absolute_square_loss
from tfvp.training.trainer import Trainer

CHECKPOINT = GOLDENS / "tf1_checkpoint" / "predrnn_pp.ckpt-80000"
HDF5 = GOLDENS / "prednet_weights.hdf5"


def read(name):
    with np.load(GOLDENS / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def trainer(core, frame_shape, late_feedback=False) -> Trainer:
    predictor = RecurrentPredictor(core, frame_shape, late_feedback=late_feedback)
    ours = Trainer(predictor, horizon=3, loss=absolute_square_loss(), average_decay=0.9)
    ours.compile(optimizer=keras.optimizers.Adam())
    return ours


def expected(core) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in variables_of(core).items()}


def built(core, frame_shape):
    core.build((None, *frame_shape))
    return core


def relative_error(ours, golden) -> float:
    ours = keras.ops.convert_to_numpy(ours)
    return float(np.linalg.norm(ours - golden) / np.linalg.norm(golden))


# --- PredRNN++, TF1 ---


def test_predrnn_pp_checkpoint_reproduces_the_programs_predictions():
    numbers = read("predrnn_pp")
    ours = trainer(PredRNNPP((4, 3, 3, 3)), (4, 4, 4))
    initialise(ours, InitConfig(source=str(CHECKPOINT)))
    golden = numbers["checkpoint/predictions_free_running"][:, 9:]
    found = ours.predictor.predict_frames(numbers["in/frames"][:, :10], 3)
    assert relative_error(found, golden) < 1e-3  # see goldens_table.ENLARGED
    names = variables_of(ours.predictor)
    for key in (key for key in numbers if key.startswith("train/var/")):
        weight = keras.ops.convert_to_numpy(names[key.removeprefix("train/var/")])
        np.testing.assert_array_equal(weight, numbers[key])


def test_a_checkpoint_of_another_network_is_refused_and_nothing_assigned():
    ours = trainer(PredRNNPP((4, 3, 3, 3), 3), (4, 4, 4))
    before = ours.predictor.get_weights()
    with pytest.raises(WeightsError, match=r"predrnn_pp.ckpt-80000: .*shape \(5, 5, .*\(3, 3, "):
        initialise(ours, InitConfig(source=str(CHECKPOINT)))
    for now, old in zip(ours.predictor.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, old)
    fewer = expected(built(PredRNNPP((4, 3, 3)), (4, 4, 4)))
    with pytest.raises(WeightsError, match=r"lstm_4/.*which the network has not \(and 25 more\)"):
        predrnn_pp_weights(CHECKPOINT, fewer)
    with pytest.raises(WeightsError, match="not of the PredRNN"):
        predrnn_pp_weights(GOLDENS / "tf1_checkpoint" / "model.ckpt-80000", fewer)
    with pytest.raises(WeightsError, match="only the weights are taken"):
        initialise(ours, InitConfig(source=str(CHECKPOINT), optimizer=True))


# --- PredNet, Keras 2 ---


def test_prednet_file_reproduces_the_programs_predictions():
    numbers = read("prednet")
    ours = trainer(PredNet((4, 6)), (8, 12, 3), late_feedback=True)
    initialise(ours, InitConfig(source=str(HDF5)))
    found = ours.predictor.predict_frames(numbers["in/frames"][:, :4], 2)
    assert relative_error(found, numbers["out/prediction_extrapolated"][:, 4:]) < 1e-5


def test_theano_kernels_are_turned_and_a_checkpoint_file_is_read(tmp_path):
    """The golden's weights as Theano would have saved them, inside a whole model's file."""
    with h5py.File(HDF5) as file, h5py.File(tmp_path / "theano.hdf5", "w") as copy:
        root = copy.create_group("model_weights")
        root.attrs["layer_names"] = [b"dense_2", *file.attrs["layer_names"]]
        root.attrs["backend"] = b"theano"
        root.create_group("dense_2").attrs["weight_names"] = np.array([], "S1")
        for layer in ("input_1", "pred_net_1"):
            file.copy(layer, root)
        for name in file["pred_net_1"].attrs["weight_names"]:
            dataset = root["pred_net_1"][name]
            if dataset.ndim == 4:
                dataset[...] = dataset[()][::-1, ::-1]
    wanted = expected(built(PredNet((4, 6)), (8, 12, 3)))
    plain = prednet_weights(HDF5, wanted)
    turned = prednet_weights(tmp_path / "theano.hdf5", wanted)
    as_they_are = prednet_weights(tmp_path / "theano.hdf5", wanted, "tensorflow")
    for name in wanted:
        np.testing.assert_array_equal(turned[name], plain[name])
    assert not np.array_equal(as_they_are["layer_a_0/kernel"], plain["layer_a_0/kernel"])
    forced = prednet_weights(HDF5, wanted, "theano")
    np.testing.assert_array_equal(forced["layer_i_1/kernel"], plain["layer_i_1/kernel"][::-1, ::-1])


def test_files_that_are_no_prednet_are_refused(tmp_path):
    wanted = expected(built(PredNet((4, 6)), (8, 12, 3)))
    other = expected(built(PredNet((4, 5)), (8, 12, 3)))
    with pytest.raises(WeightsError, match=r"layer_a_1/kernel has the shape .* makes"):
        prednet_weights(HDF5, other)
    with pytest.raises(
        WeightsError, match=r"network's 22 weights \(input_1 has 0, pred_net_1 has 34\)"
    ):
        prednet_weights(HDF5, expected(built(PredNet((4,)), (8, 12, 3))))
    with pytest.raises(WeightsError, match="not a Keras 2 weights file"):
        prednet_weights(tmp_path / "missing.hdf5", wanted)
    (tmp_path / "text.hdf5").write_text("no")
    with pytest.raises(WeightsError, match="not a Keras 2 weights file"):
        prednet_weights(tmp_path / "text.hdf5", wanted)
    swapped = tmp_path / "swapped.hdf5"  # two gates of equal shapes change places
    shutil.copy(HDF5, swapped)
    with h5py.File(swapped, "a") as file:
        names = list(file["pred_net_1"].attrs["weight_names"])
        names[16:22], names[22:28] = names[22:28], names[16:22]
        file["pred_net_1"].attrs["weight_names"] = names
    with pytest.raises(
        WeightsError, match=r"expected layer_f_0/kernel in its place, got .*layer_i"
    ):
        prednet_weights(swapped, wanted)


def test_a_file_that_points_elsewhere_is_not_followed(tmp_path):
    wanted = expected(built(PredNet((4, 6)), (8, 12, 3)))
    shutil.copy(HDF5, tmp_path / "linked.hdf5")
    with h5py.File(tmp_path / "linked.hdf5", "a") as file:
        name = "pred_net_1/layer_a_0/kernel:0"
        del file["pred_net_1"][name]
        file["pred_net_1"][name] = h5py.ExternalLink(str(HDF5), f"pred_net_1/{name}")
    with pytest.raises(WeightsError, match="lies in another file"):
        prednet_weights(tmp_path / "linked.hdf5", wanted)
