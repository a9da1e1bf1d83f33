"""What a training step needs of TensorFlow: gradients, micro-batches, replicas, compiling."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfvp.errors import TrainingError

NAME = "tensorflow"
DRIVES_FIT = True
TAKES_DATASETS = True

# What the graphs' optimiser does for seconds before the first update of a network, on a CPU without
# any gain in those that follow: docs/performance.md.
_NO_GAIN = ("function_optimization", "remapping", "memory_optimization")
_KEPT_AS_CALL = {"_noinline": True}
_PREAMBLE = ("Graph execution error", "Detected at", "<stack")


def gradients(
    measure: Callable[[], tuple[Any, Any]],
    variables: list[keras.Variable],
    constants: list[keras.Variable],
):
    """Call `measure` for (a scalar, anything); returns the latter and the scalar's gradients.

    A weight that the scalar does not depend on (the memory convolution of a cell that does not
    carry its memory) has gradient 0, as in TF1, and its moments decay.

    Args:
        measure: the function; it reads no other variables than these.
        variables: the gradients are taken with respect to them.
        constants: all other variables that it reads; layers may assign them (running statistics,
            counters of seeds).

    Returns:
        What came beside the scalar, and a list with the gradient of each variable, in its shape.
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
    """Return how many replicas compute the step at once."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def sum_over_replicas(values):
    """Add up the values of all replicas; every replica gets the sums."""
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
        function: takes a structure of tensors; under a strategy it returns a dictionary.
        variables: all that it reads and changes.
        strategy: its replicas run the function; a batch is shared evenly, in order, among those
            of this process. None: it runs on the default device.
        xla: compile with XLA.
    """
    del variables  # a graph finds them itself
    # Every partial is counted by itself, while TensorFlow counts all functions of one definition
    # together and warns of retracing where several shapes are compiled, once each.
    one = tf.function(partial(function), autograph=False, jit_compile=xla, reduce_retracing=True)
    if strategy is None:
        return one

    @tf.function(autograph=False)
    def on_all(batch):
        logs = strategy.run(one, args=(batch,))
        return {name: strategy.experimental_local_results(v)[0] for name, v in logs.items()}

    return lambda batch: on_all(_shared(strategy, batch))


def traced_by_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors that a graph traces once for all arguments of the same shapes.

    What is done to every weight would otherwise be most of a graph's operations, which are traced
    and optimised one by one. Calls stay calls: inlined, they would be optimised one by one again.
    """
    traced = tf.function(function, autograph=False, experimental_attributes=_KEPT_AS_CALL)
    return lambda *values: traced(*map(tf.convert_to_tensor, values))


def _shared(strategy: Any, batch: Any) -> Any:
    """Cut a batch of this process into the shares of its replicas."""
    replicas = len(strategy.extended.worker_devices)

    def part(context: tf.distribute.experimental.ValueContext) -> Any:
        place = context.replica_id_in_sync_group % replicas

        def cut(x: tf.Tensor) -> tf.Tensor:
            share = x.shape[0] // replicas
            return x[place * share : (place + 1) * share]

        return tf.nest.map_structure(cut, batch)

    return strategy.experimental_distribute_values_from_function(part)


def repeated(batch: Any) -> tf.data.Dataset:
    """Return the same batch again and again, in the form that training reads."""
    return tf.data.Dataset.from_tensors(batch).repeat()


def followed(function: Callable[[], Any]) -> None:
    """Call a function for the operations that it calls; JAX computes nothing of them."""
    function()


def start_quickly() -> None:
    """Leave out what TensorFlow does to a graph that only makes the first update late."""
    if not tf.config.list_physical_devices("GPU"):
        tf.config.optimizer.set_experimental_options(dict.fromkeys(_NO_GAIN, False))


def keep_programs() -> Path | None:
    """Keep what is compiled for later processes; returns the folder, None where none is kept."""
    return None  # TensorFlow keeps nothing


@contextlib.contextmanager
def xla_errors(asked_for: bool) -> Iterator[None]:
    """Turn what TensorFlow says of a failed compilation into one line with the way out.

    Args:
        asked_for: the value of `training.xla`; without it nothing is caught.

    Raises:
        TrainingError: XLA cannot compile what is run in the context.
    """
    kinds = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.InternalError)
    try:
        yield
    except kinds as error:
        if not asked_for:
            raise
        lines = [line.strip() for line in error.message.splitlines() if line.strip()]
        reason = next((line for line in lines if not line.startswith(_PREAMBLE)), lines[0])
        raise TrainingError(
            f"training.xla: XLA cannot compile this network's update here: {reason[:300]}; set it "
            "to false"
        ) from None


def gpu_memory() -> tuple[int, int | None] | None:
    """Return (the most bytes held on any GPU, its size if it is known); None without a GPU.

    TensorFlow does not say how much memory a GPU has.
    """
    names = [f"GPU:{i}" for i in range(len(tf.config.list_logical_devices("GPU")))]
    peaks = [tf.config.experimental.get_memory_info(name)["peak"] for name in names]
    return (max(peaks), None) if peaks else None


def product_precision(dtype: str) -> str:
    """Name the precision in which the device multiplies matrices of a dtype, e.g. "TF32"."""
    rounded = tf.config.experimental.tensor_float_32_execution_enabled()
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    return "TF32" if dtype == "float32" and rounded and on_gpu else dtype
