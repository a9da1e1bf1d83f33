"""Memory: how much training holds, and a line with the settings that help when it is not enough."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from tfvp.backend import backend
from tfvp.config.training import TrainingConfig
from tfvp.errors import TrainingError


def peak_gigabytes() -> float:
    """Return the most memory held so far: on the GPU where there is one, else by this process."""
    of_gpu = backend.gpu_memory()
    return of_gpu[0] / 1e9 if of_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def total_gigabytes() -> float | None:
    """Return the memory of the GPU, else of the machine; None: TensorFlow does not say it."""
    of_gpu = backend.gpu_memory()
    if of_gpu:
        return of_gpu[1] / 1e9 if of_gpu[1] else None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


@contextmanager
def out_of_memory_explained(config: TrainingConfig, micro_batch: int) -> Iterator[None]:
    """Raise a TrainingError where TensorFlow, JAX or Python ran out of memory.

    Args:
        config: the training section, whose settings the error names.
        micro_batch: the number of clips whose gradient is computed at once on a device.
    """
    try:
        yield
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        raise TrainingError(
            f"out of memory in a training step with training.global_batch {config.global_batch} in "
            f"micro-batches of {micro_batch} ({_first_line(error)}); what helps: "
            f"{_smaller(micro_batch)}training.global_batch={max(1, config.global_batch // 2)} "
            "(another experiment), or a smaller network or frame (model.hidden, data.frame_px)"
        ) from None


def _is_out_of_memory(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"  # TensorFlow's
        or "RESOURCE_EXHAUSTED" in str(error)  # JAX's
    )


def _first_line(error: Exception) -> str:
    """Return the line that says which memory could not be had, without the graph it belongs to."""
    lines = [line.strip() for line in str(error).splitlines() if "OOM" in line or "memory" in line]
    return lines[0][:160] if lines else type(error).__name__


def _smaller(micro_batch: int) -> str:
    """Return the advice to halve the micro-batch; empty if it is a single clip."""
    if micro_batch == 1:
        return ""
    return f"training.micro_batch={micro_batch // 2} (the same result, slower), "
