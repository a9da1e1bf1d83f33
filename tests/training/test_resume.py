"""A run killed anywhere goes on as if nothing had happened: weights, logs, TensorBoard."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tests import ROOT
from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.runs.folder import Run
from tfvp.system.progress import Progress
from tfvp.training.callbacks import LogSteps, Validate
from tfvp.training.checkpoints import Checkpoints, State, read_state
from tfvp.training.early_stopping import Best, Validation
from tfvp.training.logging.csv import TrainingLogs
from tfvp.training.logging.tensorboard import NAMES, EventFile
from tfvp.training.session import TrainingSession

STEPS = 12
CHANGES = (
    *tiny.CHANGES,
    f"training.steps={STEPS}",
    "training.scheduled_sampling.stop_step=11",
    "training.validate_every=4",
    "training.checkpoint_every=5",
)


def arguments(folder: Path, name: str, *more: str) -> list[str]:
    changes = (*CHANGES, f"results={folder / 'results'}", f"data.prepared={folder / 'data'}")
    sets = [word for change in changes for word in ("--set", change)]
    return ["run", "--config", "e3d_residual", "--name", name, *sets, *more]


def kill(point: str, step: int, *words: str) -> None:
    """Start a run and end it with SIGKILL at a point."""
    command = [sys.executable, "-m", "tests.helpers.killed_run", point, str(step), *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line == "now\n":
                process.kill()
    assert process.returncode == -9, said


def steps_by_tag(folder: Path) -> dict[str, Counter[int]]:
    """How often each step stands in all event files of a folder."""
    found: dict[str, Counter[int]] = {}
    for path in sorted(folder.glob(NAMES)):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, Counter())[event.step] += 1
    return found


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run without interruption, and one killed twice: after a log, and inside a checkpoint."""
    folder = tmp_path_factory.mktemp("killed")
    assert main(arguments(folder, "straight", "--stages", "prepare,train")) == 0
    words = arguments(folder, "killed", "--stages", "train")
    kill("after_log", 8, *words)  # checkpoints: 4 (the best so far, perhaps) and 5
    run = Run(folder / "results" / "killed")
    assert run.train_log.read_text().splitlines()[-1].startswith("8,")
    with run.train_log.open("a") as file:
        file.write("1")  # of a row that was being written
    kill("in_checkpoint", 10, *words, "--resume")
    assert list(run.checkpoints.glob(".step-00000010.*"))
    assert main([*words, "--resume"]) == 0
    return Run(folder / "results" / "straight"), run


@pytest.mark.slow
def test_weights_optimizer_average_and_best_are_those_of_the_straight_run(killed):
    straight, run = (read_state(Checkpoints(r.checkpoints).path(STEPS)) for r in killed)
    assert straight.keys() == run.keys()
    for name in straight:
        np.testing.assert_array_equal(run[name], straight[name], err_msg=name)


@pytest.mark.slow
def test_every_checkpoint_and_log_is_there_and_nothing_half_written(killed):
    straight, run = (
        {
            str(path.relative_to(r.root)): path.read_bytes() if path.suffix == ".csv" else b""
            for path in r.root.rglob("*")
            if path.is_file() and "tfevents" not in path.name
        }
        for r in killed
    )
    assert run == straight


@pytest.mark.slow
def test_tensorboard_holds_each_step_once(killed):
    straight, run = killed
    for table, wanted in (("train", range(1, STEPS + 1)), ("validation", (4, 8, 12))):
        seen = steps_by_tag(run.tensorboard / table)
        assert seen.keys() == steps_by_tag(straight.tensorboard / table).keys() != set()
        for tag, counted in seen.items():
            assert counted == Counter(wanted), tag
    assert len(list((run.tensorboard / "train").glob(NAMES))) == 3


def test_a_tensorboard_that_read_along_forgets_what_is_written_again(tmp_path):
    first = EventFile(tmp_path, 0)
    for step in range(1, 6):
        first.scalars(step, {"loss": float(step)})
    reader = EventAccumulator(str(tmp_path))
    assert [each.step for each in reader.Reload().Scalars("loss")] == [1, 2, 3, 4, 5]
    again = EventFile(tmp_path, 3)
    again.scalars(4, {"loss": 40.0})
    for way in (reader, EventAccumulator(str(tmp_path))):
        way.Reload()
        values = [(each.step, each.value) for each in way.Scalars("loss")]
        assert values == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]
    first.close()
    again.close()


def test_an_event_that_was_being_written_is_cut_off(tmp_path):
    first = EventFile(tmp_path, 0)
    for step in (1, 2):
        first.scalars(step, {"loss": 1.0})
    first.close()
    (path,) = tmp_path.glob(NAMES)
    path.write_bytes(path.read_bytes()[:-3])
    EventFile(tmp_path, 2).close()
    assert steps_by_tag(tmp_path) == {"loss": Counter([1])}


def best(step: int, value: float) -> Best:
    return Best(step, value, "mse", value, 0)


def state(step: int, of: Best) -> State:
    return {"step": np.asarray(step), **of.state()}


def test_the_best_is_what_it_was_at_the_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(2, state(2, best(2, 5.0)))
    checkpoints.save(4, state(4, best(4, 3.0)))
    (tmp_path / "best.json").write_text('{"step": 2, "metric": "mse", "value": 5.0}')
    checkpoints.go_back(checkpoints.load(4))  # as after a kill between checkpoint and record
    assert checkpoints.best == {"step": 4, "metric": "mse", "value": 3.0}
    checkpoints.path(4).write_bytes(b"damaged")
    checkpoints.go_back(checkpoints.load(2))
    assert checkpoints.best == {"step": 2, "metric": "mse", "value": 5.0}
    checkpoints.save(6, state(6, best(6, 1.0)))
    checkpoints.path(2).unlink()
    checkpoints.go_back(state(5, best(2, 5.0)))  # it gave way to that of step 6
    assert checkpoints.best is None


def test_a_validation_after_resuming_is_measured_against_the_best_before(tmp_path):
    config = tiny.experiment(tmp_path).training
    session = TrainingSession(config, *[None] * 4, start_step=4, best=best(4, 1.0))
    for value, improves in ((2.0, False), (0.5, True)):
        logs = TrainingLogs(Run(tmp_path), 4, parts=(), scheduled=(), validated=("mse",))
        validation = Validation(lambda value=value: ({"mse": value}, {}), "mse", "lower")
        log = LogSteps(session, logs, Progress(Console(quiet=True), "", 6))
        validate = Validate(session, validation, log)
        validate.on_step_end(config.steps, {})
        assert validate.improved_at(config.steps) is improves
        logs.close()
