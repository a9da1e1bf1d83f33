"""What a training step needs of JAX: gradients, micro-batches, compiling; one device."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import keras

NAME = "jax"
DRIVES_FIT = False  # there `fit` wants a training step without state
TAKES_DATASETS = False

QUICKLY_COMPILED = 0.1  # seconds; what takes less is not kept


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
    """Return how many replicas compute the step at once: under JAX one does."""
    return 1


def sum_over_replicas(values):
    """Return the values: the only replica's are the sums."""
    return values


def compiled(
    function: Callable[..., Any],
    variables: Sequence[keras.Variable],
    *,
    strategy: Any = None,
    xla: bool = True,
) -> Callable[..., Any]:
    """Compile a function of tensors, see `compiled` of tensorflow.py; always with XLA.

    One device runs it. JAX compiles pure functions: the variables' values go in and come out beside
    the result.
    """
    del strategy, xla

    return _Compiled(function, variables)


class _Compiled:
    """A function with its variables' values going in and out, which JAX compiles by shapes."""

    def __init__(self, function: Callable[..., Any], variables: Sequence[keras.Variable]):
        self.variables = variables

        @jax.jit
        def pure(values, *arguments):
            with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
                result = function(*arguments)
            return result, [scope.get_current_value(variable) for variable in variables]

        self.pure = pure

    def __call__(self, *arguments):
        """Call the function and assign what it changed."""
        result, values = self.pure([v.value for v in self.variables], *arguments)
        _assign(self.variables, values)
        return result

    def lowered(self, *arguments):
        """What XLA would compile, to measure how long that takes."""
        return self.pure.lower([v.value for v in self.variables], *arguments)


def repeated(batch: Any) -> Iterator[Any]:
    """Return the same batch again and again, in the form that training reads."""
    return itertools.repeat(batch)


def followed(function: Callable[[], Any]) -> None:
    """As `followed` of tensorflow.py: the function gets tensors that have shapes alone."""

    def traced() -> None:
        with keras.StatelessScope():  # what is assigned is no value
            function()

    jax.eval_shape(traced)


def start_quickly() -> None:
    """Do nothing: JAX has no such choice."""


def traced_by_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function: tracing is quick here, and XLA compiles the whole."""
    return function


def keep_programs() -> Path | None:
    """As `keep_programs` of tensorflow.py, in the user's cache directory.

    JAX_COMPILATION_CACHE_DIR names another folder, JAX_ENABLE_COMPILATION_CACHE=false keeps none.
    """
    settings: Any = jax.config
    if not settings.jax_enable_compilation_cache:
        return None
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = settings.jax_compilation_cache_dir or str(caches / "tfvp" / "jax")
    settings.update("jax_compilation_cache_dir", folder)
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        settings.update("jax_persistent_cache_min_compile_time_secs", QUICKLY_COMPILED)
    return Path(folder)


def xla_errors(asked_for: bool) -> contextlib.AbstractContextManager[None]:
    """Return a context that changes nothing: JAX always compiles with XLA."""
    del asked_for
    return contextlib.nullcontext()


def gpu_memory() -> tuple[int, int | None] | None:
    """Return the most bytes held on the GPU that trains, and its size; None without a GPU."""
    device = jax.local_devices()[0]
    if device.platform != "gpu":
        return None
    found = device.memory_stats()
    return found["peak_bytes_in_use"], found["bytes_limit"]


def product_precision(dtype: str) -> str:
    """As `product_precision` of tensorflow.py; XLA rounds to TF32 unless it is told not to."""
    settings: Any = jax.config
    rounded = settings.jax_default_matmul_precision in (None, "default", "fastest", "tensorfloat32")
    on_gpu = jax.local_devices()[0].platform == "gpu"
    return "TF32" if dtype == "float32" and rounded and on_gpu else dtype
