"""The rendezvous: workers wait for each other before training and compare what must agree."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tfvp.errors import ConfigError, TrainingError, UserError
from tfvp.training.distributed.cluster import Cluster

LIMIT_S = 300.0
PAUSE_S = 0.2
INFO_BYTES = 65_536  # the longest message that is read


class WorkerInfo(NamedTuple):
    """The message that a worker sends to all others."""

    metadata: dict[str, str]  # what must agree, by name
    refusal: str  # why it cannot begin; empty if it can

    def message(self, index: int) -> bytes:
        """Return the info of the worker with this index as one line of JSON."""
        return json.dumps({"index": index, **self._asdict()}).encode() + b"\n"


def rendezvous(
    cluster: Cluster,
    metadata: Mapping[str, str],
    *,
    refusal: UserError | None = None,
    limit_s: float = LIMIT_S,
) -> None:
    """Return once every worker has reached every other at its address and their metadata agree.

    TensorFlow's own start waits for ever for a worker that does not come, and cannot be interrupted
    meanwhile. Each worker listens at the address where TensorFlow's server will listen afterwards,
    sends its info to all others and waits for theirs.

    Args:
        cluster: the workers.
        metadata: what must be the same for all workers, by name.
        refusal: why this worker cannot begin; it is sent to the others before it is raised.
        limit_s: how many seconds to wait for the others.

    Raises:
        UserError: the refusal.
        TrainingError: a worker was not reached, did not come, or cannot begin; it is named.
        ConfigError: this worker cannot listen at its port, or the metadata of two workers differ.
    """
    message = WorkerInfo(dict(metadata), str(refusal or "")).message(cluster.index)
    unsent = {index: "not tried" for index in cluster.others}
    infos: dict[int, WorkerInfo] = {}
    deadline = time.monotonic() + limit_s
    with _listening(cluster) as server:
        while unsent or len(infos) < len(cluster.others):
            if time.monotonic() > deadline:
                raise _missing(cluster, unsent, infos, limit_s)
            infos |= {i: theirs for i, theirs in _received(server).items() if i in cluster.others}
            for index in list(unsent):
                unsent[index] = _send(cluster.addresses[index], message)
                if not unsent[index]:
                    del unsent[index]
    if refusal:
        raise refusal
    _compare(cluster, metadata, infos)


@contextlib.contextmanager
def _listening(cluster: Cluster) -> Iterator[socket.socket]:
    """Listen at this worker's port inside the context."""
    host, _, port = cluster.addresses[cluster.index].rpartition(":")
    # A host's name may stand for another of its addresses than the one that others reach.
    at = host if host in ("127.0.0.1", "localhost") else ""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((at, int(port)))
        except OSError as error:
            raise ConfigError(
                f"{cluster.name()} cannot listen at port {port}: {error.strerror or error}; "
                "another program, or a run that has not ended, has it"
            ) from None
        server.listen(len(cluster.addresses))
        server.settimeout(PAUSE_S)
        yield server


def _received(server: socket.socket) -> dict[int, WorkerInfo]:
    """Return the info of a worker that connected, by index; ignore anything else that did."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        connection, _ = server.accept()
        with connection:
            connection.settimeout(1.0)
            line = connection.makefile("rb").readline(INFO_BYTES)
            content = json.loads(line)
            info = WorkerInfo(dict(content["metadata"]), str(content["refusal"]))
            return {int(content["index"]): info}
    return {}


def _send(address: str, message: bytes) -> str:
    """Send a message to a worker; return why it could not be reached, or an empty text."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2.0) as connection:
            connection.sendall(message)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _missing(
    cluster: Cluster, unsent: Mapping[int, str], infos: Mapping[int, object], limit_s: float
) -> TrainingError:
    """Return the error that names every worker that was not reached or did not come."""
    missing = [
        f"{cluster.name(index)} "
        + (
            f"was not reached ({unsent[index]})"
            if index in unsent
            else "has another program at its address, or does not reach this one"
        )
        for index in cluster.others
        if index in unsent or index not in infos
    ]
    return TrainingError(
        f"after {limit_s:.0f} s {'; '.join(missing)}: start the same command on every machine, and "
        "see that names, ports and firewalls let each reach the others"
    )


def _compare(
    cluster: Cluster, metadata: Mapping[str, str], infos: Mapping[int, WorkerInfo]
) -> None:
    """Raise an error that names the first worker that cannot begin or whose metadata differ."""
    for index, theirs in sorted(infos.items()):
        if theirs.refusal:
            raise TrainingError(f"{cluster.name(index)} cannot begin: {theirs.refusal}")
        for name, ours in metadata.items():
            if theirs.metadata.get(name) != ours:
                raise ConfigError(
                    f"all workers need the same {name}: {cluster.name()} has {ours}, "
                    f"{cluster.name(index)} has {theirs.metadata.get(name)}"
                )
