"""Two processes train as one, and end and go on together."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import tiny
from tests.helpers.on_loopback import Ended, Workers, loopback
from tfvp.cli.main import main
from tfvp.runs.folder import Run
from tfvp.training.checkpoints import Checkpoints, read_state

pytestmark = pytest.mark.slow

STEPS = 6
NOTICED_S = 40  # TensorFlow's heartbeats need about ten seconds


def arguments(folder: Path, *more: str, name: str, results: str = "results") -> list[str]:
    changes = (*tiny.CHANGES, f"results={folder / results}", f"data.prepared={folder / 'data'}")
    sets = [word for change in changes for word in ("--set", change)]
    return ["run", "--config", "e3d_residual", "--name", name, *sets, *more]


def two(
    start: tuple[str, ...],
    folder: Path,
    *more: str,
    name: str = "two",
    signals: dict[int, tuple[str, int]] | None = None,
) -> list[Ended]:
    """Run two workers to their end; some send themselves a signal after a step.

    The second worker would write to another folder, if it wrote.
    """
    commands = []
    for index in range(2):
        words = arguments(folder, name=name, results=("results", "others")[index])
        words += ["--set", "training.distribution=multi_worker", *more]
        ends = (signals or {}).get(index)
        commands.append(
            ["tests.helpers.ended_worker", ends[0], str(ends[1]), *words] if ends else words
        )
    with Workers(start, commands) as workers:
        return workers.ended()


def table(path: Path) -> tuple[list[str], np.ndarray]:
    """Header and numbers of a CSV file."""
    with path.open() as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, float)


@pytest.fixture(scope="module")
def network():
    with loopback() as start:
        yield start


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("multi_worker")


@pytest.fixture(scope="module")
def straight(network, folder):
    """The run of one process, and that of two with all stages."""
    ended = two(network, folder)
    assert [each.code for each in ended] == [0, 0], ended
    assert main(arguments(folder, "--stages", "prepare,train", name="one")) == 0
    return Run(folder / "results" / "one"), Run(folder / "results" / "two"), ended


def test_two_workers_train_as_one_process(straight):
    one, both, _ = straight
    for step in Checkpoints(one.checkpoints).steps():
        ours, theirs = (read_state(Checkpoints(run.checkpoints).path(step)) for run in (both, one))
        assert ours.keys() == theirs.keys()
        for name in set(ours) - {"best/metric"}:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-5, err_msg=name)
    for log in ("train_log", "validation_log"):
        (header, ours), (theirs_header, theirs) = (table(getattr(r, log)) for r in (both, one))
        assert header == theirs_header
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_the_chief_alone_writes_and_speaks(straight, folder):
    one, both, (chief, other) = straight
    assert sorted(path.name for path in folder.iterdir()) == ["data", "results"]
    assert sorted(path.name for path in both.root.parent.iterdir()) == ["one", "two"]
    trained = [path.name for path in (*one.checkpoints.iterdir(), *one.logs.iterdir())]
    assert trained == [path.name for path in (*both.checkpoints.iterdir(), *both.logs.iterdir())]
    for path in (both.metrics_path, both.report_path, both.export / "saved_model"):
        assert path.exists()
    assert len(list((both.tensorboard / "train").iterdir())) == 1
    assert "training: 6/6" in chief.out
    assert other.out.splitlines() == [
        "worker 1 (127.0.0.1:20002): waiting for worker 0 (127.0.0.1:20001, the chief) ...",
        "worker 1 (127.0.0.1:20002): training is over; the chief does what is left",
    ]
    assert chief.err == other.err == ""


def test_a_run_in_the_way_is_said_by_all(straight, network, folder):
    chief, other = two(network, folder)
    assert [chief.code, other.code] == [1, 1]
    (said,) = chief.err.splitlines()
    reason = said.removeprefix("error: ")
    assert "--resume" in reason
    (line,) = other.err.splitlines()
    assert line == f"error: worker 0 (127.0.0.1:20001, the chief) cannot begin: {reason}"


def assert_gone(ended: Ended, lost: Ended, who: str) -> None:
    """The worker ended in time with one line that says who is gone and what to do."""
    assert ended.code == 1
    assert ended.at - lost.at < NOTICED_S
    (line,) = ended.err.splitlines()
    assert line.startswith(f"error: {who}")
    assert " is gone: " in line
    assert "--resume" in line


def test_what_was_ended_goes_on_as_if_it_had_not_been(straight, network, folder):
    _, both, _ = straight
    stages = ("--stages", "train")
    chief, other = two(network, folder, *stages, name="ended", signals={1: ("SIGKILL", 3)})
    assert other.code == -9
    assert_gone(chief, other, "worker 1 (127.0.0.1:20002)")
    run = Run(folder / "results" / "ended")
    assert Checkpoints(run.checkpoints).steps() == [2, 3]

    resume = (*stages, "--resume")
    ended = two(network, folder, *resume, name="ended", signals={1: ("SIGTERM", 4)})
    assert [each.code for each in ended] == [143, 143], ended
    assert "stopped after step 5; the chief saved it" in ended[1].err
    assert Checkpoints(run.checkpoints).steps()[-1] == 5
    Checkpoints(run.checkpoints).path(5).unlink()  # the straight run has none

    chief, other = two(network, folder, *resume, name="ended", signals={0: ("SIGKILL", 5)})
    assert chief.code == -9
    assert_gone(other, chief, "worker 0 (127.0.0.1:20001, the chief)")

    ended = two(network, folder, *resume, name="ended")
    assert [each.code for each in ended] == [0, 0], ended
    assert "resuming after step 4 of 6" in ended[0].out
    for step in Checkpoints(both.checkpoints).steps():
        ours, theirs = (read_state(Checkpoints(r.checkpoints).path(step)) for r in (run, both))
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for log in ("train_log", "validation_log"):
        assert getattr(run, log).read_bytes() == getattr(both, log).read_bytes()
