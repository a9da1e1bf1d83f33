"""Starting from other weights: runs, Keras files and the original program's checkpoints."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import GOLDENS
from tests.helpers import tiny
from tests.helpers.program_names import variables_of
from tfvp.config.training import InitConfig
from tfvp.errors import WeightsError
from tfvp.models.e3d_lstm.network import EideticStack
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.porting.import_weights import import_weights
from tfvp.training.checkpoints import state_of
from tfvp.training.distributed.devices import Devices
from tfvp.training.initialise import initialise
from tfvp.training.loop import build_trainer
from tfvp.training.losses import absolute_square_loss
from tfvp.training.optimizers import AdamTF1
from tfvp.training.trainer import Trainer

CHECKPOINT = GOLDENS / "tf1_checkpoint" / "model.ckpt-80000"


def golden_trainer(hidden=(3, 3, 3, 3), freeze_decoder=False) -> Trainer:
    """A trainer of the network that the golden checkpoint is of."""
    predictor = RecurrentPredictor(EideticStack(hidden, name="core"), (5, 4, 4), name="predictor")
    predictor.core.decoder.trainable = not freeze_decoder
    trainer = Trainer(predictor, horizon=3, loss=absolute_square_loss(), average_decay=0.9995)
    trainer.compile(optimizer=AdamTF1(1e-3, name="optimizer"))
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_tf1_checkpoint_reproduces_the_programs_predictions():
    numbers = np.load(GOLDENS / "e3d_lstm_from_checkpoint.npz", allow_pickle=False)
    trainer = golden_trainer()
    initialise(trainer, InitConfig(source=str(CHECKPOINT)))
    ours = to_numpy(trainer.predictor.predict_frames(numbers["in/frames"][:, :4], 3))
    golden = numbers["checkpoint/predictions_free_running"]
    assert np.linalg.norm(ours - golden) / np.linalg.norm(golden) < 1e-5
    for weight, average in zip(trainer.average.weights, trainer.average.averages, strict=True):
        np.testing.assert_array_equal(to_numpy(average), to_numpy(weight))  # starts again


def test_averaged_weights_on_request():
    numbers = np.load(GOLDENS / "e3d_lstm_from_checkpoint.npz", allow_pickle=False)
    trainer = golden_trainer()
    initialise(trainer, InitConfig(source=str(CHECKPOINT), weights="averaged"))
    names = variables_of(trainer.predictor)
    checked = 0
    for key in numbers.files:
        if key.startswith("train/ema/"):
            ours = to_numpy(names[key.removeprefix("train/ema/")])
            np.testing.assert_allclose(ours, numbers[key], rtol=1e-6)
            checked += 1
    assert checked


@pytest.mark.parametrize("frozen", [False, True])
def test_optimizer_state_by_the_programs_numbering(tmp_path, frozen):
    source = golden_trainer(freeze_decoder=frozen)
    names = variables_of(source.predictor)
    trained = [n for n, v in names.items() if any(v is w for w in source.trainable_variables)]
    rng = np.random.default_rng(0)
    tensors = {n: rng.normal(size=v.shape).astype("float32") for n, v in names.items()}
    tensors["Variable"] = np.float32(124)  # steps done + 1
    for k, name in enumerate(trained):
        shape = names[name].shape
        tensors[f"{name}/ExponentialMovingAverage"] = rng.normal(size=shape).astype("float32")
        tensors[f"Variable_{2 * k + 1}"] = rng.random(shape).astype("float32")  # second moment
        tensors[f"Variable_{2 * k + 2}"] = rng.normal(size=shape).astype("float32")  # first
    prefix = str(tmp_path / "model.ckpt-123")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(value) for value in tensors.values()],
    )
    trainer = golden_trainer(freeze_decoder=frozen)
    initialise(trainer, InitConfig(source=prefix, optimizer=True))
    adam = trainer.optimizer
    assert int(adam.iterations) == 123
    index = {id(v): i for i, v in enumerate(trainer.trainable_variables)}
    names = variables_of(trainer.predictor)
    for k, name in enumerate(trained):
        i = index[id(names[name])]
        for moments, slot in ((adam.second_moments, 2 * k + 1), (adam.first_moments, 2 * k + 2)):
            np.testing.assert_array_equal(to_numpy(moments[i]), tensors[f"Variable_{slot}"])
        average = to_numpy(trainer.average.averages[i])
        np.testing.assert_array_equal(average, tensors[f"{name}/ExponentialMovingAverage"])


def test_a_checkpoint_that_does_not_fit_names_variable_shapes_and_keys():
    trainer = golden_trainer(hidden=(4, 4, 4, 4))
    before = to_numpy(trainer.predictor.weights[0])
    with pytest.raises(WeightsError) as raised:
        initialise(trainer, InitConfig(source=str(CHECKPOINT)))
    for part in ("e3d0/conv3d/kernel", "(2, 5, 5, 3, 12)", "(2, 5, 5, 4, 16)", "model.hidden"):
        assert part in str(raised.value)
    np.testing.assert_array_equal(to_numpy(trainer.predictor.weights[0]), before)


def test_keras_and_weights_files(tmp_path):
    source = golden_trainer().predictor
    source.save(tmp_path / "network.keras")
    source.save_weights(tmp_path / "network.weights.h5")
    for name in ("network.keras", "network.weights.h5"):
        trainer = golden_trainer()
        initialise(trainer, InitConfig(source=str(tmp_path / name)))
        for ours, theirs in zip(trainer.predictor.weights, source.weights, strict=True):
            np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))
        with pytest.raises(WeightsError, match="weights alone"):
            initialise(trainer, InitConfig(source=str(tmp_path / name), optimizer=True))
    with pytest.raises(WeightsError, match=r"network\.keras: cannot be loaded|conv3d/kernel"):
        initialise(golden_trainer((4,) * 4), InitConfig(source=str(tmp_path / "network.keras")))
    (tmp_path / "broken.keras").write_bytes(b"not a zip")
    with pytest.raises(WeightsError, match=r"broken\.keras: cannot be loaded"):
        initialise(golden_trainer(), InitConfig(source=str(tmp_path / "broken.keras")))


def test_a_checkpoint_file_with_and_without_its_optimizer(tmp_path):
    experiment = tiny.experiment(tmp_path)
    source = build_trainer(experiment, Devices(experiment))
    source.optimizer.iterations.assign(7)
    for variable in [*source.optimizer.first_moments, *source.average.averages]:
        variable.assign(np.full(variable.shape, 0.25))
    state = state_of(7, source.predictor, source.average, source.optimizer)
    np.savez(tmp_path / "all.npz", **state)
    np.savez(
        tmp_path / "half.npz",
        **{k: v.astype("float16") for k, v in state.items() if k.startswith("weights/")},
    )
    changed = tiny.experiment(tmp_path, "training.optimizer.learning_rate=0.5")
    trainer = build_trainer(changed, Devices(changed))
    initialise(trainer, InitConfig(source=str(tmp_path / "all.npz"), optimizer=True))
    assert int(trainer.optimizer.iterations) == 7
    assert float(trainer.optimizer.learning_rate) == 0.5  # the run's own
    assert float(to_numpy(trainer.optimizer.first_moments[0]).ravel()[0]) == 0.25
    assert float(to_numpy(trainer.average.averages[0]).ravel()[0]) == 0.25
    initialise(trainer, InitConfig(source=str(tmp_path / "all.npz"), weights="averaged"))
    assert (to_numpy(trainer.predictor.weights[0]) == 0.25).all()
    initialise(trainer, InitConfig(source=str(tmp_path / "half.npz")))
    np.testing.assert_allclose(
        to_numpy(trainer.predictor.weights[0]), to_numpy(source.predictor.weights[0]), atol=1e-3
    )
    with pytest.raises(WeightsError, match="no optimizer state"):
        initialise(trainer, InitConfig(source=str(tmp_path / "half.npz"), optimizer=True))


def test_what_cannot_be_read_is_one_line_whatever_bit_is_flipped(tmp_path):
    """Of a .keras file, and of a checkpoint; both hold a checksum of all that counts."""
    trainer = golden_trainer()
    trainer.predictor.save(tmp_path / "whole.keras")
    np.savez(tmp_path / "whole.npz", **{f"weights/{w.path}": w for w in trainer.predictor.weights})
    rng = np.random.default_rng(0)
    for suffix in (".keras", ".npz"):
        content = (tmp_path / f"whole{suffix}").read_bytes()
        path, refused = tmp_path / f"flipped{suffix}", 0
        for place in [*rng.integers(len(content), size=20), *(len(content) - np.arange(1, 60, 5))]:
            altered = bytearray(content)
            altered[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(altered)
            with contextlib.suppress(WeightsError):
                refused += 1
                initialise(trainer, InitConfig(source=str(path)))
                refused -= 1
        assert refused >= 20
    (tmp_path / "bad.keras").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"bad\.keras: cannot be loaded"):
        initialise(trainer, InitConfig(source=str(tmp_path / "bad.keras")))


@pytest.mark.parametrize("end", [".index", ".data-00000-of-00001"])
def test_a_file_of_a_tf1_checkpoint_stands_for_its_prefix(end):
    trainer = golden_trainer()
    initialise(trainer, InitConfig(source=f"{CHECKPOINT}{end}"))


def test_a_folder_of_weights_is_told_what_to_give(tmp_path):
    with pytest.raises(WeightsError, match=r"folder of weights.* of the 2 .*model\.ckpt-80000, pr"):
        initialise(golden_trainer(), InitConfig(source=str(CHECKPOINT.parent)))
    with pytest.raises(WeightsError, match=r"folder of weights.*predrnn_pp\.ckpt-80000"):
        import_weights(golden_trainer().predictor, CHECKPOINT.parent, tmp_path / "out.npz")
    with pytest.raises(WeightsError, match="folder without files of weights"):
        initialise(golden_trainer(), InitConfig(source=str(tmp_path)))


def test_what_asked_for_more_than_weights_is_named_by_its_key(tmp_path):
    trainer = golden_trainer()
    trainer.predictor.save(tmp_path / "network.keras")
    for asked, key in (
        ({"optimizer": True}, r"training\.init\.optimizer: true"),
        ({"weights": "averaged"}, r"training\.init\.weights: averaged"),
    ):
        init = InitConfig(source=str(tmp_path / "network.keras"), **asked)
        with pytest.raises(WeightsError, match=f"weights alone, but {key}"):
            initialise(trainer, init)
