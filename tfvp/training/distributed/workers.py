"""The processes that train together: they agree, start from equal weights, notice a lost one."""

import contextlib
import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfvp.errors import DataError, TrainingError, UserError
from tfvp.training.distributed.cluster import Cluster
from tfvp.training.distributed.rendezvous import rendezvous

if TYPE_CHECKING:
    import keras


class Workers(ABC):
    """The processes that train one network together, seen by one of them.

    One of them, the chief, writes the run; its index is 0.
    """

    name: str  # of this process, for messages
    strategy: Any  # the tf.distribute.Strategy; None for a single process
    is_chief: bool
    count: int
    index: int  # of this process, 0 <= index < count

    @abstractmethod
    def gather(self, *numbers: int) -> list[tuple[int, ...]]:
        """Wait for all workers and return the numbers of each; 0 <= number < 2**24."""

    @abstractmethod
    def share(self, variables: "list[keras.Variable]") -> None:
        """Broadcast the chief's values of variables to all workers."""

    @abstractmethod
    def losses_explained(self) -> contextlib.AbstractContextManager:
        """Return a context that raises a TrainingError of one line if another worker is lost."""

    def agree(self, *numbers: int) -> tuple[int, ...]:
        """Wait for all workers and return each number's maximum over them, see `gather`."""
        return tuple(map(max, zip(*self.gather(*numbers), strict=True)))

    def wait(self) -> None:
        """Wait for all workers."""
        self.agree(0)

    def rows(self, batch: int) -> range:
        """Return the rows of a global batch that this worker trains on.

        >>> SingleProcess().rows(4)
        range(0, 4)
        """
        return range(self.index * batch // self.count, (self.index + 1) * batch // self.count)

    def check_same_data(self, data_hash: str) -> None:
        """Compare the hash of the prepared data, hexadecimal digits, with those of all workers.

        Raises:
            DataError: not all are the same.
        """
        # The hash is known only after the rendezvous, which can compare texts, is over.
        parts = (int(data_hash[start : start + 6], 16) for start in range(0, len(data_hash), 6))
        if len(set(self.gather(*parts))) > 1:
            raise DataError(
                f"the workers' prepared data differ (here: {data_hash}); let data.prepared be a "
                "folder that all machines share, or prepare the same data on each"
            )


class SingleProcess(Workers):
    """A process that trains alone, on one device or several."""

    name = "the only process"
    strategy = None
    is_chief = True
    count, index = 1, 0

    def gather(self, *numbers: int) -> list[tuple[int, ...]]:
        """Return the numbers of this worker, the only one."""
        return [numbers]

    def share(self, variables: "list[keras.Variable]") -> None:
        """Do nothing: there is no other process."""
        del variables

    def losses_explained(self) -> contextlib.AbstractContextManager:
        """Return a context that does nothing: there is no other process to lose."""
        return contextlib.nullcontext()


class MultiWorker(Workers):
    """One of several processes, joined by `tf.distribute.MultiWorkerMirroredStrategy`.

    It must be constructed before anything else uses TensorFlow's devices. A worker that ends is
    noticed by TensorFlow's heartbeats within about ten seconds, and at once by a collective
    operation that waits for it.

    Args:
        cluster: the workers.
        metadata: what must be the same for all workers, by name.
        refusal: why this worker cannot begin; it is raised once the others have heard of it.

    Raises:
        UserError: the refusal.
        TrainingError: another worker is not reached, or cannot begin.
        ConfigError: another worker's metadata differ.
    """

    def __init__(
        self, cluster: Cluster, metadata: Mapping[str, str], refusal: UserError | None = None
    ):
        import tensorflow as tf

        from tfvp.training.distributed import collectives

        self._collectives = collectives
        self.cluster = cluster
        self.name = cluster.name()
        self.index, self.count = cluster.index, len(cluster.addresses)
        self.is_chief = cluster.is_chief
        gpus = len(tf.config.get_visible_devices("GPU"))
        own = {"version of TensorFlow": tf.__version__, "number of visible GPUs": str(gpus)}
        rendezvous(cluster, {**metadata, **own}, refusal=refusal)
        with self.losses_explained():
            self.strategy = collectives.strategy_of(cluster.addresses, cluster.index, gpus)

    def gather(self, *numbers: int) -> list[tuple[int, ...]]:
        """Wait for all workers and return the numbers of each; 0 <= number < 2**24.

        They are summed as float32, which is exact below 2**24: every worker adds a table that is 0
        but for its own row.
        """
        table = np.zeros((self.count, len(numbers)), "float32")
        table[self.index] = numbers
        return [tuple(map(int, row)) for row in np.asarray(self._sum(table))]

    @functools.cached_property
    def _sum(self) -> Any:
        return self._collectives.sum_over_workers(self.strategy)

    def share(self, variables: "list[keras.Variable]") -> None:
        """Broadcast the chief's values of variables to all workers."""
        values = self._collectives.values_of_first(self.strategy, variables)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    @contextlib.contextmanager
    def losses_explained(self) -> Iterator[None]:
        """Raise a TrainingError of one line if another worker is lost inside the context."""
        import tensorflow as tf

        try:
            yield
        except tf.errors.OpError as error:
            if not isinstance(error, self._collectives.LOST):
                raise
            raise TrainingError(
                f"{self._lost(error.message)} is gone: it ended, was killed, or the network to it "
                "failed (see what it said last); start all workers again with the same command "
                "and --resume, and training goes on from the newest checkpoint"
            ) from None

    def _lost(self, said: str) -> str:
        """Return the name of the lost worker: the one that TensorFlow's message names.

        Where it names none of the others, the first of them is taken, if there is one.
        """
        found = [int(n) for n in re.findall(r"/job:worker/(?:replica:\d+/)?task:(\d+)", said)]
        for index in [*found, *self.cluster.others[:1]]:
            if index in self.cluster.others:
                return self.cluster.name(index)
        return "another worker"
