"""TensorFlow's collective operations between workers: connect, all-reduce, broadcast."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# What a collective operation raises when another process is gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


def strategy_of(addresses: Sequence[str], index: int, gpus: int) -> Any:
    """Connect to the other workers and return their MultiWorkerMirroredStrategy.

    Nothing may have used TensorFlow's devices before.

    Args:
        addresses: "host:port" of every worker.
        index: the index of this process in `addresses`.
        gpus: how many GPUs each worker has.
    """
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(addresses)}),
        task_type="worker",
        task_id=index,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


def sum_over_workers(strategy: Any) -> Callable[[Any], Any]:
    """Return a function that sums a float32 array over workers.

    A worker of several replicas counts once.
    """
    replicas = len(strategy.extended.worker_devices)

    def one(value: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        counts = tf.equal(context.replica_id_in_sync_group % replicas, 0)
        value = tf.where(counts, value, tf.zeros_like(value))
        return context.all_reduce(tf.distribute.ReduceOp.SUM, value)

    @tf.function(autograph=False)
    def summed(value: tf.Tensor) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(one, args=(value,)))[0]

    return summed


def values_of_first(strategy: Any, variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Broadcast the values that variables have on the first replica of the chief.

    Integers are sent as float64: collectives on a GPU may not support integers.
    """

    def one() -> list[tf.Tensor]:
        context = tf.distribute.get_replica_context()
        first = tf.equal(context.replica_id_in_sync_group, 0)
        return [
            context.all_reduce(
                tf.distribute.ReduceOp.SUM, tf.where(first, value, tf.zeros_like(value))
            )
            for value in map(as_float, variables)
        ]

    def as_float(variable: keras.Variable) -> tf.Tensor:
        value = tf.convert_to_tensor(variable.value)
        return value if value.dtype.is_floating else tf.cast(value, tf.float64)

    values = tf.function(lambda: strategy.run(one), autograph=False)()
    return [
        strategy.experimental_local_results(value)[0].numpy().astype(variable.dtype)
        for variable, value in zip(variables, values, strict=True)
    ]
