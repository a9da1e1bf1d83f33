"""Workers wait for each other before they train, and make sure that they want the same."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping

from tfvp.errors import ConfigError, TrainingError
from tfvp.training.cluster import Cluster

LIMIT_S = 300.0
PAUSE_S = 0.2
CARD_BYTES = 65_536


def muster(cluster: Cluster, facts: Mapping[str, str], *, limit_s: float = LIMIT_S) -> None:
    """Return once every worker has reached every other at its address and wants the same.

    TensorFlow's own start waits for ever for a worker that does not come, and cannot be interrupted
    meanwhile. Each worker listens at the address where TensorFlow's server will listen afterwards,
    sends its card to all others and waits for theirs.

    Args:
        cluster: the workers.
        facts: what must be the same everywhere, by name.
        limit_s: how long to wait for the others.

    Raises:
        TrainingError: a worker was not reached or did not come; names it.
        ConfigError: this worker cannot listen, or another one wants something else.
    """
    card = json.dumps({"index": cluster.index, "facts": facts}).encode() + b"\n"
    unsent = {index: "not tried" for index in cluster.others}
    cards: dict[int, dict[str, str]] = {}
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


def _received(server: socket.socket) -> dict[int, dict[str, str]]:
    """The card of a worker that came, if one came; anything else that came is not heard."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        connection, _ = server.accept()
        with connection:
            connection.settimeout(1.0)
            line = connection.makefile("rb").readline(CARD_BYTES)
            content = json.loads(line)
            return {int(content["index"]): dict(content["facts"])}
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


def _compare(
    cluster: Cluster, facts: Mapping[str, str], cards: Mapping[int, Mapping[str, str]]
) -> None:
    """Raise a ConfigError naming the first difference."""
    for index, theirs in sorted(cards.items()):
        for name, ours in facts.items():
            if theirs.get(name) != ours:
                raise ConfigError(
                    f"all workers need the same {name}: {cluster.name()} has {ours}, "
                    f"{cluster.name(index)} has {theirs.get(name)}"
                )
