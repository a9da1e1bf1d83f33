"""What every test starts from: fixed seeds, no network but loopback, our own warnings as errors."""

import os
import random
import socket
import sys
import time
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it when it is imported
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "false")  # nothing from earlier tests

ROOT = Path(__file__).resolve().parent.parent
TIME_IS_UP = pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    """Make a warning that is issued by, or blamed on, one of our modules an error."""
    config.addinivalue_line("filterwarnings", r"error:::tfvp(\..*)?$")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `.ci/run` needs to end in time, and to leave no test out for ever."""
    parser.addoption(
        "--seconds", type=float, help="tests that have not begun by then are skipped, and counted"
    )
    parser.addoption(
        "--turn", type=int, default=0, help="begin with this test file, so that each is first once"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note when the time is up."""
    seconds = session.config.getoption("--seconds")
    session.stash[TIME_IS_UP] = time.monotonic() + seconds if seconds is not None else float("inf")


@pytest.hookimpl(tryfirst=True)  # before fixtures that take minutes
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test for which no time is left."""
    if time.monotonic() >= item.session.stash[TIME_IS_UP]:
        pytest.skip("no time left")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the file whose turn it is; skip what needs real data where there are none."""
    files = list(dict.fromkeys(item.path for item in items))
    if files:
        begin = config.getoption("--turn") % len(files)
        order = {path: k for k, path in enumerate([*files[begin:], *files[:begin]])}
        items.sort(key=lambda item: order[item.path])  # stable: a file's own order stays
    if "TFVP_DATA" not in os.environ:
        for item in items:
            if item.get_closest_marker("realdata"):
                item.add_marker(pytest.mark.skip(reason="TFVP_DATA is not set"))


class NetworkBlocked(OSError):
    """What a test sees of the network: what a machine without one would."""


def _is_local(address: object) -> bool:
    host = address[0] if isinstance(address, tuple) else address
    return not isinstance(host, str) or host in ("", "localhost", "::1") or host.startswith("127.")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection and name look-up that leaves this machine."""

    def guarded(method):
        def call(self, address, *args):
            if self.family != socket.AF_UNIX and not _is_local(address):
                raise NetworkBlocked(f"tests may not use the network: {address}")
            return method(self, address, *args)

        return call

    look_up = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if not _is_local(host):
            raise NetworkBlocked(f"tests may not use the network: {host}")
        return look_up(host, *args, **kwargs)

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(autouse=True)
def same_everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the seeds, and hide the developer's own data from tests that are not about it."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)  # Python's, NumPy's and the backend's
    else:
        random.seed(0)
    if not request.node.get_closest_marker("realdata"):
        monkeypatch.delenv("TFVP_DATA", raising=False)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def goldens() -> Path:
    """Folder of the numbers that the original programs produced."""
    return ROOT / "tests" / "goldens"
