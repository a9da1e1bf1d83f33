"""What a training step needs of TensorFlow: gradients, micro-batches, replicas, compiling."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def gradients(
    measure: Callable[[], tuple[Any, Any]],
    variables: list[keras.Variable],
    constants: list[keras.Variable],
):
    """Call `measure` for (a scalar, anything); returns the latter and the scalar's gradients.

    Args:
        measure: reads no other variables than these.
        variables: to take gradients with respect to.
        constants: the others; layers may assign them (running statistics, counters of seeds).

    A weight that the scalar does not depend on (the memory convolution of a cell that does not
    carry its memory) has gradient 0, as in TF1, and its moments decay.
    """
    del constants
    with tf.GradientTape() as tape:
        loss, beside = measure()
    values = [variable.value for variable in variables]
    return beside, tape.gradient(loss, values, unconnected_gradients="zero")


def sum_of_parts(
    compute: Callable[[Any], Any],
    data: Any,
    parts: int,
    zeros: Any,
    variables: Sequence[keras.Variable],
) -> Any:
    """Cut a batch into equal parts; `zeros` plus what `compute` gives for each, in order.

    `variables` are all that `compute` reads; what it assigns, the next part sees.
    """
    del variables  # a graph finds them itself
    cut = tf.nest.map_structure(
        lambda x: tf.reshape(x, (parts, x.shape[0] // parts, *x.shape[1:])), data
    )

    def add(i, total):
        more = compute(tf.nest.map_structure(lambda x: x[i], cut))
        return i + 1, tf.nest.map_structure(tf.add, total, more)

    return tf.while_loop(lambda i, _: i < parts, add, (0, zeros), parallel_iterations=1)[1]


def replicas() -> int:
    """How many replicas compute the step at once."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def sum_over_replicas(values):
    """The sum of every replica's values."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def compiled(
    function: Callable[[Any], Any],
    variables: Sequence[keras.Variable],
    *,
    strategy: Any = None,
    xla: bool = False,
) -> Callable[[Any], Any]:
    """Compile a function that reads and assigns Keras variables, as `keras.Model.fit` does.

    Args:
        function: of tensors.
        variables: all that it reads and changes.
        strategy: on whose replicas it runs; a batch is shared evenly, in order, among those of
            this process. None: here.
        xla: compile with XLA.
    """
    del variables  # a graph finds them itself
    one = tf.function(function, autograph=False, jit_compile=xla, reduce_retracing=True)
    if strategy is None:
        return one

    @tf.function(autograph=False)
    def on_all(batch):
        logs = strategy.run(one, args=(batch,))
        return {name: strategy.experimental_local_results(v)[0] for name, v in logs.items()}

    return lambda batch: on_all(_shared(strategy, batch))


def _shared(strategy: Any, batch: Any) -> Any:
    """A batch of this process, cut for its replicas."""
    replicas = len(strategy.extended.worker_devices)

    def part(context: tf.distribute.experimental.ValueContext) -> Any:
        place = context.replica_id_in_sync_group % replicas

        def cut(x: tf.Tensor) -> tf.Tensor:
            share = x.shape[0] // replicas
            return x[place * share : (place + 1) * share]

        return tf.nest.map_structure(cut, batch)

    return strategy.experimental_distribute_values_from_function(part)


def gpu_memory() -> tuple[int, int | None] | None:
    """Bytes held at most on the GPU that held most, and what it has (unknown); None: no GPU."""
    names = [f"GPU:{i}" for i in range(len(tf.config.list_logical_devices("GPU")))]
    peaks = [tf.config.experimental.get_memory_info(name)["peak"] for name in names]
    return (max(peaks), None) if peaks else None
