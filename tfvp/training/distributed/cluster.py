"""Finds the workers of a cluster, and which of them this process is, in TF_CONFIG or Slurm."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfvp.errors import ConfigError

EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
# Below the ports that Linux gives to outgoing connections; two jobs on a node rarely share one.
FIRST_PORT, PORTS = 10_000, 20_000
MANY = 1_000  # more devices than a node has


@dataclass(frozen=True)
class Cluster:
    """The workers, and which of them this process is.

    Args:
        addresses: "host:port" of every worker; the first is the chief, which alone writes.
        index: the index of this process in `addresses`.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Return whether this worker writes the run."""
        return self.index == 0

    @property
    def others(self) -> tuple[int, ...]:
        """Return the indices of the other workers."""
        return tuple(i for i in range(len(self.addresses)) if i != self.index)

    def name(self, index: int | None = None) -> str:
        """Return the name of a worker, by default of this process, for messages.

        >>> cluster = Cluster(("a:1", "b:1"), 1)
        >>> cluster.name(), cluster.name(0)
        ('worker 1 (b:1)', 'worker 0 (a:1, the chief)')
        """
        index = self.index if index is None else index
        return f"worker {index} ({self.addresses[index]}{', the chief' if index == 0 else ''})"


def find_cluster() -> Cluster:
    """Read the workers from the environment: from TF_CONFIG if it is set, else from Slurm.

    Raises:
        ConfigError: neither is set, or what is set cannot be used.
    """
    if "TF_CONFIG" in os.environ:
        return _from_tf_config(os.environ["TF_CONFIG"])
    if "SLURM_STEP_NODELIST" in os.environ:
        return _from_slurm(os.environ)
    raise ConfigError(
        "training.distribution: multi_worker finds its workers in TF_CONFIG or in the environment "
        "of Slurm's srun, and neither is set; on each machine set its own TF_CONFIG, e.g. "
        f"'{EXAMPLE}', or start with srun"
    )


def _from_tf_config(text: str) -> Cluster:
    """Read a TF_CONFIG of workers and perhaps a chief, which becomes the first worker."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"TF_CONFIG is not JSON ({error}); expected e.g. '{EXAMPLE}'") from None
    cluster = _part(content, "cluster")
    unknown = set(cluster) - {"chief", "worker"}
    if unknown or not cluster:
        raise _wrong(f'cluster: expected "worker" (and perhaps "chief"), got {sorted(cluster)}')
    chiefs, workers = _addresses(cluster, "chief"), _addresses(cluster, "worker")
    task = _part(content, "task")
    kind, index = task.get("type"), task.get("index")
    mine = {"chief": chiefs, "worker": workers}.get(str(kind))
    if not mine:
        raise _wrong(f"task.type: expected one of {sorted(cluster)}, got {kind!r}")
    if type(index) is not int or not 0 <= index < len(mine):
        raise _wrong(f"task.index: expected 0 to {len(mine) - 1}, got {index!r}")
    return _checked((*chiefs, *workers), index if kind == "chief" else len(chiefs) + index)


def _part(content: Any, name: str) -> Mapping[str, Any]:
    """Return the mapping of this name in a TF_CONFIG."""
    part = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(part, Mapping):
        raise _wrong(f'"{name}" is missing')
    return part


def _addresses(cluster: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Return the addresses of the chief or of the workers; there may be none."""
    found = cluster.get(kind, [])
    if not isinstance(found, list) or not all(isinstance(address, str) for address in found):
        raise _wrong(f'cluster.{kind}: expected a list of "host:port", got {found!r}')
    return tuple(found)


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"TF_CONFIG: {what}; expected e.g. '{EXAMPLE}'")


def _checked(addresses: tuple[str, ...], index: int) -> Cluster:
    """Return the cluster if every address is host:port and all are different."""
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise ConfigError(f"{address}: a worker's address is expected as host:port")
    if len(set(addresses)) < len(addresses):
        raise ConfigError(f"two workers have the same address: {', '.join(addresses)}")
    return Cluster(addresses, index)


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    """Read the step's nodes and tasks with TensorFlow's resolver.

    It lists the nodes in alphabetical order, which is not always that of Slurm's ranks (node10
    before node2), so this process finds itself by its node and its number there. What GPUs it sees
    is Slurm's to say (`--gpus-per-task`).
    """
    import tensorflow as tf

    try:
        port = FIRST_PORT + int(environment["SLURM_JOB_ID"]) % PORTS
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=MANY, gpus_per_task=1, auto_set_gpu=False
        )
        addresses = tuple(resolver.cluster_spec().as_dict()["worker"])
        own = f"{environment['SLURMD_NODENAME']}:{port + int(environment['SLURM_LOCALID'])}"
    except KeyError as error:
        raise ConfigError(f"{error.args[0]}: not set; start every worker with srun") from None
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"Slurm's environment cannot be used: {error}") from None
    if own not in addresses:
        raise ConfigError(f"Slurm's environment: {own} is none of {', '.join(addresses)}")
    return _checked(addresses, addresses.index(own))
