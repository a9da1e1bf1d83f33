"""Chooses the devices that train, their distribution strategy and the micro-batch."""

import contextlib
import os
from pathlib import Path
from typing import Any

from tfvp.backend import backend
from tfvp.config.experiment import Experiment
from tfvp.config.training import TrainingConfig
from tfvp.errors import ConfigError
from tfvp.training.distributed.workers import SingleProcess, Workers

CPU = Path("/proc/cpuinfo")


class Devices:
    """The replicas that train, and how a global batch is shared among them.

    Args:
        experiment: what trains on them; of its network and data the micro-batch depends.
        workers: the processes that train together; None: this one alone.

    Raises:
        ConfigError: the global batch or the micro-batch does not divide evenly, or the backend
            cannot do what the section asks for.
    """

    def __init__(self, experiment: Experiment, workers: Workers | None = None):
        config = experiment.training
        self.workers = workers or SingleProcess()
        self.strategy: Any = self.workers.strategy
        # Keras' fit cannot drive several processes.
        self.own_loop = not backend.DRIVES_FIT or self.strategy is not None
        if backend.NAME == "jax":
            self._find_with_jax(config)
        else:
            self._find_with_tensorflow(config)
        self.micro_batch = self._micro_batch(config, experiment.cpu_micro_batch)

    def _find_with_jax(self, config: TrainingConfig) -> None:
        import jax

        if config.distribution not in ("auto", "none"):
            raise ConfigError(
                f"training.distribution: {config.distribution} needs KERAS_BACKEND=tensorflow; "
                "under JAX one device trains (auto or none)"
            )
        self.gpus = sum(device.platform == "gpu" for device in jax.devices())
        self.replicas = 1
        flag = "--xla_gpu_deterministic_ops=true"
        if config.deterministic and self.gpus and flag not in os.environ.get("XLA_FLAGS", ""):
            raise ConfigError(
                f"training.deterministic: JAX on a GPU takes it from outside; set XLA_FLAGS={flag}"
            )

    def _find_with_tensorflow(self, config: TrainingConfig) -> None:
        import tensorflow as tf

        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        if self.strategy is not None:
            self.gpus = len(tf.config.get_visible_devices("GPU"))
            self.replicas = self.strategy.num_replicas_in_sync
            return
        self.gpus = len(tf.config.list_logical_devices("GPU"))
        everything = self.gpus or len(tf.config.list_logical_devices("CPU"))
        mirrored = config.distribution == "mirrored" or (
            config.distribution == "auto" and self.gpus > 1
        )
        self.replicas = everything if mirrored else 1
        if mirrored:
            kind = "GPU" if self.gpus else "CPU"
            names = [f"{kind}:{i}" for i in range(everything)]
            self.strategy = tf.distribute.MirroredStrategy(names)

    def _micro_batch(self, config: TrainingConfig, on_cpu: int) -> int:
        """Return how many clips a replica computes a gradient of at a time."""
        batch = config.global_batch
        if batch % self.replicas:
            raise ConfigError(
                f"training.global_batch: {batch} cannot be shared evenly by {self.replicas} "
                f"devices; the nearest that can: {batch - batch % self.replicas or self.replicas}, "
                f"{batch + self.replicas - batch % self.replicas}"
            )
        share = batch // self.replicas
        if config.micro_batch == "auto":
            most = share if self.gpus else min(share, on_cpu)
            return next(m for m in range(most, 0, -1) if share % m == 0)
        if share % config.micro_batch:
            raise ConfigError(
                f"training.micro_batch: {config.micro_batch} must divide the {share} clips that "
                f"each of {self.replicas} devices gets of training.global_batch {batch}"
            )
        return config.micro_batch

    def slow_precision(self, precision: str, cpu: Path = CPU) -> str | None:
        """Say that a precision is slow on this CPU; None where it is not, or nobody knows.

        Args:
            precision: `training.precision`.
            cpu: the file in which the system lists what the processor can do.
        """
        if precision == "float32" or self.gpus or not cpu.is_file():
            return None
        flags = set(cpu.read_text().split())
        if "flags" not in flags or {"avx512_bf16", "amx_bf16"} & flags:
            return None
        return (
            f"training.precision: {precision} is 3 to 5 times slower than float32 here: this CPU "
            "has no bfloat16 instructions (avx512_bf16, amx_bf16)"
        )

    def scope(self) -> contextlib.AbstractContextManager:
        """Return the context in which variables must be created."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def describe(self) -> str:
        """Describe the devices, e.g. "CPU, 2 cores" or "4 x GPU"."""
        with_jax = ", JAX" if backend.NAME == "jax" else ""
        together = f" of {self.workers.count} workers" if self.workers.count > 1 else ""
        if self.gpus:
            return f"{self.replicas} x GPU{together}{with_jax}"
        cores = f"CPU, {len(os.sched_getaffinity(0))} cores{with_jax}"
        if together:
            return f"{self.workers.count} workers, each {cores}"
        return cores if self.replicas == 1 else f"{self.replicas} replicas on {cores}"
