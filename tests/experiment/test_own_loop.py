"""A network, its data and its training step in a loop of one's own, and callbacks of one's own."""

import re

import keras
import numpy as np
import pytest

import tfvp
from tests.helpers import tiny
from tests.helpers.under_jax import needs_jax, run_python
from tfvp.cli.main import main
from tfvp.errors import ConfigError
from tfvp.experiment.stages import run_stages
from tfvp.runs.folder import Run
from tfvp.training.checkpoints import Checkpoints

CALLBACKS = """
import keras
from pathlib import Path

class Notes(keras.callbacks.Callback):
    def __init__(self, run_folder):
        super().__init__()
        self.run_folder = run_folder

    def on_train_batch_end(self, batch, logs=None):
        with (self.run_folder / "notes.txt").open("a") as file:
            file.write(f"{batch} {logs['loss']:.6g}\\n")

class StopAfterTwo(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 1

class Broken(keras.callbacks.Callback):
    def __init__(self):
        raise RuntimeError("no display")

class Needs(keras.callbacks.Callback):
    def __init__(self, size):
        super().__init__()

class Other:
    pass
"""


@pytest.fixture
def callbacks(tmp_path, monkeypatch):
    """A module of callbacks that can be imported."""
    (tmp_path / "of_mine.py").write_text(CALLBACKS)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


class Batches(keras.callbacks.Callback):
    """Notes which batches it is told of."""

    def __init__(self):
        super().__init__()
        self.seen: list[int] = []

    def on_train_batch_end(self, batch, logs=None):
        assert np.isfinite(logs["loss"])
        self.seen.append(batch)


def use_everything(folder, experiment) -> None:
    """Call what is public for one's own loop, each twice with other lengths and batches."""
    clips, told = tiny.moving_squares(), Batches()
    network = tfvp.build_model(experiment)
    for batch, length in ((2, 3), (3, 5)):
        assert network(clips[:batch, :length]).shape == (batch, 3, 12, 16, 1)
    network.compile(optimizer="adam", loss="mse", metrics=["mae"])
    pairs = tfvp.training_data(experiment, pairs=True, report=lambda line: None)
    context, future = next(iter(pairs))
    assert context.shape == future.shape == (4, 3, 12, 16, 1)
    history = network.fit(pairs, steps_per_epoch=3, epochs=2, callbacks=[told], verbose=0)
    assert (len(history.history["mae"]), told.seen) == (2, [0, 1, 2, 0, 1, 2])
    for batch, length in ((2, 3), (3, 2)):
        x, y = clips[:, :length], clips[:, length : length + 3]
        network.fit(x, y, batch_size=batch, verbose=0)
        assert network.predict(x, batch_size=batch, verbose=0).shape == y.shape
    network.save(folder / "network.keras")
    loaded = tfvp.load_network(folder / "network.keras")
    for length in (2, 3):
        ours, again = network(clips[:, :length]), loaded(clips[:, :length])
        np.testing.assert_allclose(np.asarray(again), np.asarray(ours), atol=1e-5)
    trainer = tfvp.build_trainer(experiment)
    before = np.asarray(trainer.predictor.weights[0])
    told.seen.clear()
    for epochs in (2, 1):
        data = tfvp.training_data(experiment, report=lambda line: None)
        history = trainer.fit(data, steps_per_epoch=2, epochs=epochs, callbacks=[told], verbose=0)
        assert len(history.history["loss"]) == epochs
    assert told.seen == [0, 1, 0, 1, 0, 1]
    assert int(trainer.optimizer.iterations) == 6
    assert np.abs(np.asarray(trainer.predictor.weights[0]) - before).max() > 0


@pytest.mark.slow
def test_everything_for_a_loop_of_ones_own(tmp_path):
    use_everything(tmp_path, tiny.dense(tmp_path))


@pytest.mark.slow
@needs_jax
def test_everything_for_a_loop_of_ones_own_under_jax(tmp_path):
    program = "import sys; from pathlib import Path; from tests.helpers import tiny; "
    program += "from tests.experiment.test_own_loop import use_everything as use; "
    run_python("-c", program + "use(f := Path(sys.argv[1]), tiny.dense(f))", str(tmp_path))


def test_a_preset_of_an_experiment_is_refused(tmp_path):
    with pytest.raises(ValueError, match="preset"):
        tfvp.build_model(tiny.dense(tmp_path), preset="quick")


def test_a_batch_that_the_micro_batch_does_not_divide_is_refused(tmp_path):
    trainer = tfvp.build_trainer(tiny.dense(tmp_path, "training.micro_batch=2"))
    batch = {"frames": np.zeros((3, 6, 12, 16, 1), "float32")}
    with pytest.raises(ValueError, match="multiple of the 2 clips"):
        trainer.summed_gradients(batch | {"teacher_forcing_mask": np.zeros((3, 2), "float32")})


def test_callbacks_of_ones_own_are_told_of_updates_and_may_end_training(callbacks):
    named = "training.callbacks=[of_mine:Notes, of_mine:StopAfterTwo]"
    job = tiny.job(tiny.dense(callbacks, named))
    run_stages(job, ("prepare", "train"))
    assert len((job.run.root / "notes.txt").read_text().splitlines()) == 2
    assert Checkpoints(job.run.checkpoints).steps()[-1] == 2
    assert "stopped after step 2 of 6, as training.callbacks asked" in job.console.export_text()
    assert len(job.run.train_log.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.at_all:X", "cannot be imported: ModuleNotFoundError"),
        ("of_mine:Missing", "cannot be imported: AttributeError"),
        ("of_mine:Other", "no subclass of keras.callbacks.Callback"),
        ("of_mine:keras", "no subclass of keras.callbacks.Callback"),
        ("of_mine:Needs", "needs 'size'"),
    ],
)
def test_a_callback_that_cannot_be_used_is_said_before_the_data_are_made(callbacks, name, said):
    job = tiny.job(tiny.dense(callbacks, f"training.callbacks=[{name}]"))
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        run_stages(job, ("prepare", "train"))
    assert "\n" not in str(caught.value)
    assert not (callbacks / "data").exists()


def test_a_callback_that_is_no_name_is_a_line(capsys):
    assert main(["config", "--config", "e3d", "--set", "training.callbacks=[one]"]) == 2
    assert "training.callbacks" in capsys.readouterr().err


def test_a_callback_that_cannot_be_made_is_a_line(callbacks):
    job = tiny.job(tiny.dense(callbacks, "training.callbacks=[of_mine:Broken]"))
    with pytest.raises(ConfigError, match="of_mine:Broken cannot be made: RuntimeError: no disp"):
        run_stages(job, ("prepare", "train"))
    assert not Checkpoints(Run(job.run.root).checkpoints).steps()
