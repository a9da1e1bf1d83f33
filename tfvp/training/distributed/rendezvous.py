"""Workers wait for each other before they train, and make sure that they want the same."""

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
CARD_BYTES = 65_536


class WorkerInfo(NamedTuple):
    """What a worker says of itself when it comes."""

    facts: dict[str, str]
    refusal: str  # why it cannot begin; empty: it can

    def written(self, index: int) -> bytes:
        """A line with the worker's place."""
        return json.dumps({"index": index, **self._asdict()}).encode() + b"\n"


def rendezvous(
    cluster: Cluster,
    facts: Mapping[str, str],
    *,
    refusal: UserError | None = None,
    limit_s: float = LIMIT_S,
) -> None:
    """Return once every worker has reached every other at its address and wants the same.

    TensorFlow's own start waits for ever for a worker that does not come, and cannot be interrupted
    meanwhile. Each worker listens at the address where TensorFlow's server will listen afterwards,
    sends its card to all others and waits for theirs.

    Args:
        cluster: the workers.
        facts: what must be the same everywhere, by name.
        refusal: why this worker cannot begin; the others hear of it before it is raised.
        limit_s: how long to wait for the others.

    Raises:
        UserError: the refusal.
        TrainingError: a worker was not reached, did not come, or cannot begin; names it.
        ConfigError: this worker cannot listen, or another one wants something else.
    """
    card = WorkerInfo(dict(facts), str(refusal or "")).written(cluster.index)
    unsent = {index: "not tried" for index in cluster.others}
    cards: dict[int, WorkerInfo] = {}
    deadline = time.monotonic() + limit_s
    with _listening(cluster) as server:
        while unsent or len(cards) < len(cluster.others):
            if time.monotonic() > deadline:
                raise _missing(cluster, unsent, cards, limit_s)
            cards |= {i: theirs for i, theirs in _received(server).items() if i in cluster.others}
            for index in list(unsent):
                unsent[index] = _send(cluster.addresses[index], card)
                if not unsent[index]:
                    del unsent[index]
    if refusal:
        raise refusal
    _compare(cluster, facts, cards)


@contextlib.contextmanager
def _listening(cluster: Cluster) -> Iterator[socket.socket]:
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
    """The card of a worker that came, if one came; anything else that came is not heard."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        connection, _ = server.accept()
        with connection:
            connection.settimeout(1.0)
            line = connection.makefile("rb").readline(CARD_BYTES)
            content = json.loads(line)
            card = WorkerInfo(dict(content["facts"]), str(content["refusal"]))
            return {int(content["index"]): card}
    return {}


def _send(address: str, card: bytes) -> str:
    """Hand a card to a worker; why it could not be reached, or nothing."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2.0) as connection:
            connection.sendall(card)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _missing(
    cluster: Cluster, unsent: Mapping[int, str], cards: Mapping[int, object], limit_s: float
) -> TrainingError:
    missing = [
        f"{cluster.name(index)} "
        + (
            f"was not reached ({unsent[index]})"
            if index in unsent
            else "has another program at its address, or does not reach this one"
        )
        for index in cluster.others
        if index in unsent or index not in cards
    ]
    return TrainingError(
        f"after {limit_s:.0f} s {'; '.join(missing)}: start the same command on every machine, and "
        "see that names, ports and firewalls let each reach the others"
    )


def _compare(cluster: Cluster, facts: Mapping[str, str], cards: Mapping[int, WorkerInfo]) -> None:
    """Raise an error naming the first worker that cannot begin, or the first difference."""
    for index, theirs in sorted(cards.items()):
        if theirs.refusal:
            raise TrainingError(f"{cluster.name(index)} cannot begin: {theirs.refusal}")
        for name, ours in facts.items():
            if theirs.facts.get(name) != ours:
                raise ConfigError(
                    f"all workers need the same {name}: {cluster.name()} has {ours}, "
                    f"{cluster.name(index)} has {theirs.facts.get(name)}"
                )
