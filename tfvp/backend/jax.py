"""What a training step needs of JAX: gradients, micro-batches, compiling; one device."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras


def gradients(
    measure: Callable[[], tuple[Any, Any]],
    variables: list[keras.Variable],
    constants: list[keras.Variable],
):
    """As `gradients` of tensorflow.py, which says what is what."""
    held = [(constant, constant.value) for constant in constants]

    def of_values(values):
        with keras.StatelessScope([*held, *zip(variables, values, strict=True)]) as scope:
            loss, beside = measure()
        return loss, (beside, [scope.get_current_value(constant) for constant in constants])

    differentiate = jax.grad(of_values, has_aux=True)
    found, (beside, after) = differentiate([variable.value for variable in variables])
    _assign(constants, after)  # what a layer assigned ended with the scope
    return beside, found


def sum_of_parts(
    compute: Callable[[Any], Any],
    data: Any,
    parts: int,
    zeros: Any,
    variables: Sequence[keras.Variable],
) -> Any:
    """As `sum_of_parts` of tensorflow.py, which says what is what."""
    cut = jax.tree.map(lambda x: x.reshape(parts, x.shape[0] // parts, *x.shape[1:]), data)

    def add(carried, part):
        total, values = carried
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            more = compute(part)
        after = [scope.get_current_value(variable) for variable in variables]
        return (jax.tree.map(lambda a, b: a + b, total, more), after), None

    start = (zeros, [variable.value for variable in variables])
    total, after = jax.lax.scan(add, start, cut)[0]
    _assign(variables, after)
    return total


def _assign(variables: Sequence[keras.Variable], values: Sequence[Any]) -> None:
    """Assign what was carried out of a function that JAX traced."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def replicas() -> int:
    """How many replicas compute the step at once: under JAX one."""
    return 1


def sum_over_replicas(values):
    """The sum of every replica's values."""
    return values


def compiled(
    function: Callable[..., Any],
    variables: Sequence[keras.Variable],
    *,
    strategy: Any = None,
    xla: bool = True,
) -> Callable[..., Any]:
    """As `compiled` of tensorflow.py; one device, and always with XLA.

    JAX compiles pure functions: the variables' values go in and come out beside the result.
    """
    del strategy, xla

    @jax.jit
    def pure(values, *arguments):
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            result = function(*arguments)
        return result, [scope.get_current_value(variable) for variable in variables]

    def call(*arguments):
        result, values = pure([variable.value for variable in variables], *arguments)
        _assign(variables, values)
        return result

    return call


def gpu_memory() -> tuple[int, int | None] | None:
    """Bytes held at most on the GPU that trains, and what it has; None: no GPU."""
    device = jax.local_devices()[0]
    if device.platform != "gpu":
        return None
    found = device.memory_stats()
    return found["peak_bytes_in_use"], found["bytes_limit"]
