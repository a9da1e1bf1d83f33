"""What workers that train together do beside their steps: agree, share the start, notice a loss."""

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
    """The processes that train one network together; one of them, the chief, writes."""

    name: str
    strategy: Any
    is_chief: bool
    count: int
    index: int

    @abstractmethod
    def gather(self, *numbers: int) -> list[tuple[int, ...]]:
        """Wait for all workers and return the numbers of each; 0 <= number < 2**24."""

    @abstractmethod
    def share(self, variables: "list[keras.Variable]") -> None:
        """Give the chief's values of variables to all workers."""

    @abstractmethod
    def losses_explained(self) -> contextlib.AbstractContextManager:
        """Context that raises a TrainingError of one line when another worker is lost."""

    def agree(self, *numbers: int) -> tuple[int, ...]:
        """Wait for all workers and return each number's maximum over them, see `gather`."""
        return tuple(map(max, zip(*self.gather(*numbers), strict=True)))

    def wait(self) -> None:
        """Wait for all workers."""
        self.agree(0)

    def rows(self, batch: int) -> range:
        """This worker's places in a global batch.

        >>> SingleProcess().rows(4)
        range(0, 4)
        """
        return range(self.index * batch // self.count, (self.index + 1) * batch // self.count)

    def check_same_data(self, data_hash: str) -> None:
        """Make sure that all workers opened the same prepared data, or raise a DataError."""
        # The hash is known only after the rendezvous, which can compare texts, is over.
        parts = (int(data_hash[start : start + 6], 16) for start in range(0, len(data_hash), 6))
        if len(set(self.gather(*parts))) > 1:
            raise DataError(
                f"the workers' prepared data differ (here: {data_hash}); let data.prepared be a "
                "folder that all machines share, or prepare the same data on each"
            )


class SingleProcess(Workers):
    """One process, on whatever devices it has."""

    name = "the only process"
    strategy = None
    is_chief = True
    count, index = 1, 0

    def gather(self, *numbers: int) -> list[tuple[int, ...]]:
        """Return the numbers of this worker, the only one."""
        return [numbers]

    def share(self, variables: "list[keras.Variable]") -> None:
        """Nobody to give them to."""
        del variables

    def losses_explained(self) -> contextlib.AbstractContextManager:
        """Nobody to lose."""
        return contextlib.nullcontext()


class MultiWorker(Workers):
    """One of several processes, joined by `tf.distribute.MultiWorkerMirroredStrategy`.

    To be made before anything else uses TensorFlow's devices. A worker that ends is noticed by
    TensorFlow's heartbeats within about ten seconds, at once where data was on its way from it.

    Args:
        cluster: the workers.
        facts: what must be the same everywhere, by name.
        refusal: why this worker cannot begin; raised once the others have heard of it.

    Raises:
        UserError: the refusal.
        TrainingError: another worker is not reached, or cannot begin.
        ConfigError: another worker wants something else.
    """

    def __init__(
        self, cluster: Cluster, facts: Mapping[str, str], refusal: UserError | None = None
    ):
        import tensorflow as tf

        from tfvp.training.distributed import collectives as collective

        self._collective = collective
        self.cluster = cluster
        self.name = cluster.name()
        self.index, self.count = cluster.index, len(cluster.addresses)
        self.is_chief = cluster.is_chief
        gpus = len(tf.config.get_visible_devices("GPU"))
        own = {"version of TensorFlow": tf.__version__, "number of visible GPUs": str(gpus)}
        rendezvous(cluster, {**facts, **own}, refusal=refusal)
        with self.losses_explained():
            self.strategy = collective.strategy_of(cluster.addresses, cluster.index, gpus)

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
        return self._collective.sum_over_workers(self.strategy)

    def share(self, variables: "list[keras.Variable]") -> None:
        """Give the chief's values of variables to all workers."""
        values = self._collective.values_of_first(self.strategy, variables)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    @contextlib.contextmanager
    def losses_explained(self) -> Iterator[None]:
        """Context that raises a TrainingError of one line when another worker is lost."""
        import tensorflow as tf

        try:
            yield
        except tf.errors.OpError as error:
            if not isinstance(error, self._collective.LOST):
                raise
            raise TrainingError(
                f"{self._lost(error.message)} is gone: it ended, was killed, or the network to it "
                "failed (see what it said last); start all workers again with the same command "
                "and --resume, and training goes on from the newest checkpoint"
            ) from None

    def _lost(self, said: str) -> str:
        """The worker that TensorFlow names, if it names one of the others."""
        found = [int(n) for n in re.findall(r"/job:worker/(?:replica:\d+/)?task:(\d+)", said)]
        for index in [*found, *self.cluster.others[:1]]:
            if index in self.cluster.others:
                return self.cluster.name(index)
        return "another worker"
