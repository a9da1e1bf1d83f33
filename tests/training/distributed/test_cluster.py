"""Workers are found in TF_CONFIG or Slurm's environment, and do not wait for ever."""

import contextlib
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.errors import ConfigError, DataError, RunError, TrainingError, UserError
from tfvp.runs.folder import Run
from tfvp.system.progress import Progress
from tfvp.training.callbacks import (
    AgreeWithWorkers,
    LogSteps,
    SaveCheckpoints,
    Stopped,
    StopWhenAsked,
    Validate,
)
from tfvp.training.checkpoints import Checkpoints
from tfvp.training.distributed.cluster import Cluster, find_cluster
from tfvp.training.distributed.devices import Devices
from tfvp.training.distributed.rendezvous import rendezvous
from tfvp.training.distributed.workers import SingleProcess, Workers
from tfvp.training.early_stopping import Best, Validation
from tfvp.training.logging.csv import TrainingLogs
from tfvp.training.session import TrainingSession
from tfvp.training.step_events import StepCallback

VARIABLES = (
    *("TF_CONFIG", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_STEP_NUM_TASKS"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_JOB_ID", "SLURMD_NODENAME"),
)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No cluster but the test's."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def found(monkeypatch, cluster: object, kind: object, index: object) -> Cluster:
    task = {"type": kind, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    return find_cluster()


def test_tf_config_names_the_workers_and_the_chief_comes_first(monkeypatch):
    workers = {"worker": ["a:1", "b:2"]}
    assert found(monkeypatch, workers, "worker", 1) == Cluster(("a:1", "b:2"), 1)
    with_chief = {**workers, "chief": ["c:3"]}
    assert found(monkeypatch, with_chief, "chief", 0) == Cluster(("c:3", "a:1", "b:2"), 0)
    last = found(monkeypatch, with_chief, "worker", 1)
    assert last == Cluster(("c:3", "a:1", "b:2"), 2)
    assert (last.is_chief, last.others) == (False, (0, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{'cluster'", "is not JSON"),
        ("[]", '"cluster" is missing'),
        ('{"cluster": {"worker": ["a:1"]}}', '"task" is missing'),
        ('{"cluster": {"ps": ["a:1"]}, "task": {}}', r"got \['ps'\]"),
        ('{"cluster": {"worker": "a:1"}, "task": {}}', "expected a list"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "task.type"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}', "0 to 0, got None"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "got 1"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "host:port"),
        (
            '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}',
            "the same address",
        ),
    ],
)
def test_a_tf_config_that_cannot_be_used_is_explained_in_a_line(monkeypatch, text, said):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=said) as caught:
        find_cluster()
    assert "\n" not in str(caught.value)


def test_without_workers_the_command_says_how_to_name_them(tmp_path, capsys):
    sets = ("training.distribution=multi_worker", f"results={tmp_path}", *tiny.CHANGES)
    words = [word for change in sets for word in ("--set", change)]
    assert main(["run", "--config", "e3d_residual", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: training.distribution: multi_worker")
    assert "TF_CONFIG" in line
    assert "srun" in line
    assert not list(tmp_path.iterdir())


def on_slurm(monkeypatch, **changed: str) -> None:
    """What srun tells the second task on node2, one of three on node[2,10]."""
    values = {
        "SLURM_JOB_ID": "1230007",
        "SLURM_STEP_NODELIST": "node[2,10]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_PROCID": "1",
        "SLURM_LOCALID": "1",
        "SLURMD_NODENAME": "node2",
        **changed,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_slurm_names_the_workers_and_each_finds_itself(monkeypatch):
    on_slurm(monkeypatch)
    addresses = ("node10:20007", "node2:20007", "node2:20008")  # 10,000 + job id % 20,000
    assert find_cluster() == Cluster(addresses, 2)
    on_slurm(monkeypatch, SLURM_PROCID="2", SLURM_LOCALID="0", SLURMD_NODENAME="node10")
    assert find_cluster() == Cluster(addresses, 0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SLURMD_NODENAME": "node3"}, "node3:20008 is none of node10:20007, node2"),
        ({"SLURM_STEP_NODELIST": "node[2"}, "node"),
        ({"SLURM_STEP_NUM_TASKS": "4"}, "4 tasks"),
    ],
)
def test_a_slurm_environment_that_cannot_be_used_is_explained(monkeypatch, changed, said):
    on_slurm(monkeypatch, **changed)
    with pytest.raises(ConfigError, match=said):
        find_cluster()


def test_a_slurm_job_without_srun_is_explained(monkeypatch):
    on_slurm(monkeypatch)
    monkeypatch.delenv("SLURM_LOCALID")
    with pytest.raises(ConfigError, match="SLURM_LOCALID: not set; start every worker with srun"):
        find_cluster()


# --- waiting for each other ---


@pytest.fixture
def addresses():
    """Three addresses on loopback whose ports are free."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)


def rendezvous_of_all(
    addresses: tuple[str, ...], metadata: list[dict[str, str]], refusal: UserError | None = None
) -> list[BaseException | None]:
    """What came of it for each worker; `refusal` is the chief's."""
    with ThreadPoolExecutor(len(addresses)) as pool:
        futures = [
            pool.submit(
                rendezvous,
                Cluster(addresses, index),
                each,
                refusal=None if index else refusal,
                limit_s=20,
            )
            for index, each in enumerate(metadata)
        ]
        return [future.exception(30) for future in futures]


def test_workers_that_want_the_same_meet_and_leave_their_ports(addresses):
    for _ in range(2):
        assert rendezvous_of_all(addresses, [{"configuration": "x"}] * 3) == [None] * 3


def test_workers_that_want_different_things_all_hear_of_it(addresses):
    errors = rendezvous_of_all(addresses[:2], [{"configuration": "x"}, {"configuration": "y"}])
    assert [type(error) for error in errors] == [ConfigError] * 2
    said = f"the same configuration: worker 1 ({addresses[1]}) has y, worker 0 ("
    assert said in str(errors[1])


def test_a_chief_that_cannot_begin_tells_the_others_why(addresses):
    in_the_way = RunError("results/e3d exists; --resume it")
    first, second = rendezvous_of_all(addresses[:2], [{}, {}], in_the_way)
    assert first is in_the_way
    assert isinstance(second, TrainingError)
    assert str(second) == f"worker 0 ({addresses[0]}, the chief) cannot begin: {in_the_way}"


def test_a_worker_that_does_not_come_is_named_in_time(addresses):
    with pytest.raises(TrainingError) as caught:
        rendezvous(Cluster(addresses[:2], 0), {}, limit_s=0.5)
    assert str(caught.value).startswith(
        f"after 0 s worker 1 ({addresses[1]}) was not reached (Connection refused): start"
    )


def test_another_program_at_a_workers_address_is_no_worker(addresses):
    host, port = addresses[1].split(":")
    with socket.create_server((host, int(port))):
        with pytest.raises(TrainingError, match=r"worker 1 \(.*\) has another program at its"):
            rendezvous(Cluster(addresses[:2], 0), {}, limit_s=0.5)
        with pytest.raises(ConfigError, match=f"cannot listen at port {port}: Address already"):
            rendezvous(Cluster(addresses[:2], 1), {}, limit_s=0.5)


def test_a_stranger_is_not_taken_for_a_worker(addresses):
    host, port = addresses[0].split(":")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rendezvous, Cluster(addresses[:2], 0), {}, limit_s=1.5)
        for words in (
            b"GET / HTTP/1.1\r\n",
            b'{"index": 7, "metadata": {}, "refusal": ""}\n',
            b"[]\n",
            b"",
        ):
            for _ in range(20):
                with contextlib.suppress(ConnectionRefusedError):
                    with socket.create_connection((host, int(port))) as stranger:
                        stranger.sendall(words)
                    break
                time.sleep(0.05)
        with pytest.raises(TrainingError, match=r"worker 1 \(.*\) was not reached"):
            waiting.result(20)


# --- what they share ---


def test_the_rows_of_all_workers_are_the_batch():
    worker = SingleProcess()
    worker.count, rows = 3, []
    for worker.index in range(3):
        rows += worker.rows(12)
        assert len(worker.rows(12)) == 4
    assert rows == list(range(12))


class Beside(SingleProcess):
    """A worker beside another one that says these numbers."""

    def __init__(self, *theirs: int):
        self.theirs = theirs

    def gather(self, *numbers: int) -> list[tuple[int, ...]]:
        return [numbers, self.theirs]


def test_different_data_are_noticed():
    ours = (0x123456, 0x789ABC)
    Beside(*ours).check_same_data("123456789abc")
    for theirs in ((0, 0), (ours[0] + 1, ours[1]), (ours[0], ours[1] - 1), (2**24 - 1,) * 2):
        with pytest.raises(DataError, match=r"prepared data differ \(here: 123456789abc\)"):
            Beside(*theirs).check_same_data("123456789abc")


def test_workers_agree_on_the_largest_of_each_number():
    assert Beside(3, 4).agree(5, 2) == (5, 4)
    assert SingleProcess().agree(5, 2) == (5, 2)


def test_a_batch_that_workers_cannot_share_is_explained():
    workers = SingleProcess()
    workers.strategy = SimpleNamespace(num_replicas_in_sync=4)
    experiment = tiny.experiment(Path(), "training.global_batch=6")
    with pytest.raises(ConfigError, match=r"6 cannot be .* by 4 devices; .* can: 4, 8"):
        Devices(experiment, workers)


def test_xla_across_processes_is_refused():
    both = ("training.xla=true", "training.distribution=multi_worker")
    with pytest.raises(ConfigError, match=r"training\.xla: XLA cannot compile sums over several"):
        tiny.experiment(Path(), *both)


class Deciding(SingleProcess):
    """A worker beside others, together with whom it comes to this."""

    def __init__(self, asked: int, ends: bool):
        self.decision, self.said, self.waited = (asked, int(ends)), [], 0

    def agree(self, *numbers: int) -> tuple[int, ...]:
        self.said.append(numbers)
        return self.decision

    def wait(self) -> None:
        self.waited += 1


def session_of(config, workers: Workers, folder: Path, **begin) -> TrainingSession:
    """A session of no network."""
    devices, checkpoints = SimpleNamespace(workers=workers), Checkpoints(folder)
    return TrainingSession(config, None, devices, None, checkpoints, **begin)


def followed(callbacks: list[StepCallback], step: int) -> str:
    """What a worker says that follows a step; empty if it goes on or has finished."""
    model = SimpleNamespace(stop_training=False)
    try:
        for callback in callbacks:
            callback.set_model(model)
            callback.on_step_end(step, {"loss": 1.0})
    except Stopped as stopped:
        return f"{stopped} {stopped.exit_code}"
    return ""


@pytest.mark.parametrize(
    ("asked", "ends", "step", "said"),
    [
        (0, False, 4, ""),
        (signal.SIGTERM, False, 4, "stopped after step 4; the chief saved it 143"),
        (0, True, 4, ""),  # early stopping
        (signal.SIGTERM, False, 6, ""),  # the last step
    ],
)
def test_a_worker_ends_as_the_workers_agree(tmp_path, asked, ends, step, said):
    workers = Deciding(asked, ends)
    config = tiny.experiment(tmp_path).training
    session = session_of(config, workers, tmp_path)
    workers.is_chief = False
    agree = AgreeWithWorkers(session)
    agree.signal = signal.SIGINT
    assert followed([agree, StopWhenAsked(session, agree)], step) == said
    assert workers.said == [(signal.SIGINT, False)]
    assert agree.model.stop_training is ends
    assert workers.waited == (asked > 0 or ends or step == config.steps)


@pytest.mark.parametrize(("value", "enough"), [(0.5, False), (2.0, True)])
def test_the_chief_lets_all_end_when_it_has_enough(tmp_path, value, enough):
    workers, saved = Deciding(0, enough), []
    config = tiny.experiment(tmp_path, "training.early_stopping={patience: 1}").training
    logs = TrainingLogs(Run(tmp_path), 2, parts=(), scheduled=("learning_rate",), validated=())
    logs.write_train = logs.write_validation = lambda *_: None
    validation = Validation(lambda: ({"mse": value}, {}), "mse", "lower")
    before = Best(2, 1.0, "mse", 1.0, 0)
    progress = Progress(Console(quiet=True), "", 6)
    session = session_of(config, workers, tmp_path, start_step=2, best=before)
    log = LogSteps(session, logs, progress)
    validate = Validate(session, validation, log)
    agree = AgreeWithWorkers(session, validate.is_enough)
    save = SaveCheckpoints(session, logs, validate, agree)
    save.save = saved.append
    assert followed([log, validate, agree, save, StopWhenAsked(session, agree)], 3) == ""
    assert workers.said == [(0, enough)]
    assert (saved, workers.waited) == ([3], enough)
    logs.close()
