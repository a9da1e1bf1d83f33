"""Which devices train: the distribution strategy, and what micro-batch suits them."""

import contextlib
import os
from typing import Any

from tfvp.config import TrainingConfig
from tfvp.errors import ConfigError

CPU_MICRO_BATCH = 2  # two clips of the full E3D-LSTM take 4 GB


class Devices:
    """The replicas that train and how a global batch is shared among them.

    Raises:
        ConfigError: the global batch cannot be shared evenly.
    """

    def __init__(self, config: TrainingConfig):
        import tensorflow as tf

        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        self.gpus = len(tf.config.list_logical_devices("GPU"))
        everything = self.gpus or len(tf.config.list_logical_devices("CPU"))
        mirrored = config.distribution == "mirrored" or (
            config.distribution == "auto" and self.gpus > 1
        )
        self.replicas = everything if mirrored else 1
        kind = "GPU" if self.gpus else "CPU"
        self.strategy: Any = (
            tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(everything)])
            if mirrored
            else None
        )
        self.micro_batch = self._micro_batch(config)

    def _micro_batch(self, config: TrainingConfig) -> int:
        """Clips whose gradient is computed at once on a replica."""
        batch = config.global_batch
        if batch % self.replicas:
            raise ConfigError(
                f"training.global_batch: {batch} cannot be shared evenly by {self.replicas} "
                f"devices; the nearest that can: {batch - batch % self.replicas or self.replicas}, "
                f"{batch + self.replicas - batch % self.replicas}"
            )
        share = batch // self.replicas
        if config.micro_batch == "auto":
            return share if self.gpus else max(m for m in (1, CPU_MICRO_BATCH) if share % m == 0)
        if share % config.micro_batch:
            raise ConfigError(
                f"training.micro_batch: {config.micro_batch} must divide the {share} clips that "
                f"each of {self.replicas} devices gets of training.global_batch {batch}"
            )
        return config.micro_batch

    def scope(self) -> contextlib.AbstractContextManager:
        """Context in which variables are made."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def describe(self) -> str:
        """E.g. "CPU, 2 cores" or "4 x GPU"."""
        if self.gpus:
            return f"{self.replicas} x GPU"
        cores = f"CPU, {len(os.sched_getaffinity(0))} cores"
        return cores if self.replicas == 1 else f"{self.replicas} replicas on {cores}"
