"""Several workers as processes of their own that see no network but loopback.

TensorFlow's server listens on every interface of the machine. In a network namespace of its own
there is only loopback, and every port is free.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests import ROOT

PORTS = (20_001, 20_002)
LIMIT_S = 240
# Bring loopback up (SIOCSIFFLAGS, IFF_UP | IFF_RUNNING), say so, and wait.
HOLD = """
import fcntl, socket, struct, time
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
print("up", flush=True)
time.sleep(3600)
"""


@contextlib.contextmanager
def loopback() -> Iterator[tuple[str, ...]]:
    """A network with loopback alone; gives the words that start a command in it.

    Skips the test where the system does not let us make one.
    """
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-c", HOLD]
    try:
        holder = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        pytest.skip("no unshare: TensorFlow's server would listen everywhere")
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "up\n":
            pytest.skip("no network namespace: TensorFlow's server would listen everywhere")
        yield (
            *("nsenter", "--target", str(holder.pid), "--user", "--preserve-credentials"),
            "--net",
        )
    finally:
        holder.kill()
        holder.wait()


@dataclass(frozen=True)
class Ended:
    """What became of a worker."""

    code: int
    out: str
    err: str
    at: float  # time.monotonic()


class Workers:
    """Processes that run `python -m MODULE WORDS...`, each with its TF_CONFIG.

    Args:
        start: the words that start a command on loopback, see `loopback`.
        commands: module and words of each worker, the chief's first.
    """

    def __init__(self, start: Sequence[str], commands: Sequence[Sequence[str]]):
        addresses = [f"127.0.0.1:{port}" for port in PORTS[: len(commands)]]
        self.processes: list[subprocess.Popen[str]] = []
        quiet = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
        for index, words in enumerate(commands):
            place = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            self.processes.append(
                subprocess.Popen(
                    [*start, sys.executable, "-m", *words],
                    cwd=ROOT,
                    env={**quiet, "TF_CONFIG": json.dumps(place)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.communicate()

    def ended(self, limit_s: float = LIMIT_S) -> list[Ended]:
        """Wait for all of them."""

        def end(process: "subprocess.Popen[str]") -> Ended:
            out, err = process.communicate(timeout=limit_s)
            return Ended(process.returncode, out, err, time.monotonic())

        with ThreadPoolExecutor(len(self.processes)) as pool:
            return list(pool.map(end, self.processes))
