"""The training loop: builds the trainer, measures what it will cost, and takes its updates."""

import itertools
import time
from dataclasses import dataclass
from typing import Any

import keras

from tfvp.backend import backend
from tfvp.config.experiment import Experiment
from tfvp.config.training import TrainingConfig
from tfvp.data.pipeline import data_errors
from tfvp.models.build import build_model
from tfvp.training.callbacks import EachStep
from tfvp.training.checkpoints import restore, state_of
from tfvp.training.distributed.devices import Devices
from tfvp.training.losses import build_loss
from tfvp.training.memory import out_of_memory_explained, peak_gigabytes
from tfvp.training.optimizers import build_optimizer
from tfvp.training.trainer import Trainer, compiled_step


def build_trainer(experiment: Experiment, devices: Devices) -> Trainer:
    """Build network, optimizer and weight average on the devices, with weights from the seed."""
    config = experiment.training
    keras.utils.set_random_seed(config.seed)
    with devices.scope():
        predictor = build_model(experiment, config.precision)
        for layer in predictor.decoder_layers():
            layer.trainable = not config.freeze_decoder
        trainer = Trainer(
            predictor,
            horizon=experiment.data.predict_frames,
            loss=build_loss(config.loss),
            average_decay=config.average_decay,
            micro_batch=devices.micro_batch,
            clip=config.clip,
        )
        optimizer = build_optimizer(config)
        trainer.compile(optimizer=optimizer, jit_compile=config.xla)
        optimizer.build(trainer.trainable_variables)
    return trainer


@dataclass(frozen=True)
class Cost:
    """What training takes, measured."""

    seconds_to_first_step: float
    seconds_a_step: float
    peak_gigabytes: float


class Loop:
    """Takes updates: by `keras.Model.fit`, or by the same step and callback where fit cannot.

    Args:
        trainer: what is trained.
        config: the training section.
        strategy: to drive the step under; None: as `own` says.
        own: drive the step ourselves, as under JAX and under `multi_worker`.
    """

    def __init__(
        self, trainer: Trainer, config: TrainingConfig, *, own: bool = False, strategy: Any = None
    ):
        self.trainer = trainer
        self.config = config
        self.step = compiled_step(trainer, strategy) if own else None

    def run(self, batches: Any, updates: int, callback: keras.callbacks.Callback) -> None:
        """Take `updates` updates from the first batches on; tell the callback after each.

        Raises:
            TrainingError: the memory is not enough.
            DataError: a damaged record.
        """
        micro_batch = self.trainer.micro_batch or self.config.global_batch
        with data_errors(), out_of_memory_explained(self.config, micro_batch):
            self._run(batches, updates, callback)

    def _run(self, batches: Any, updates: int, callback: keras.callbacks.Callback) -> None:
        if self.step is None:
            self.trainer.fit(
                batches,
                epochs=1,
                steps_per_epoch=updates,
                verbose=0,
                shuffle=False,
                callbacks=[callback],
            )
            return
        callback.set_model(self.trainer)
        self.trainer.stop_training = False
        for number, batch in enumerate(itertools.islice(batches, updates)):
            callback.on_train_batch_begin(number)
            logs = {name: float(value) for name, value in self.step(batch).items()}
            callback.on_train_batch_end(number, logs)
            if self.trainer.stop_training:
                break


def rehearse(loop: Loop, batches: Any) -> Cost:
    """Take two updates to measure them, then put everything back as it was.

    The compiled step stays, so that training itself starts at once.

    Raises:
        TrainingError: XLA was asked for and cannot compile the update.
    """
    trainer = loop.trainer
    saved = state_of(0, trainer.predictor, trainer.average, trainer.optimizer)
    marks = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: marks.append(time.perf_counter())
    )
    with backend.xla_errors(trainer.jit_compile):
        loop.run(batches, 2, clock)
    restore(saved, trainer.predictor, trainer.average, trainer.optimizer)
    return Cost(marks[1] - marks[0], marks[2] - marks[1], peak_gigabytes())


def train(loop: Loop, batches: Any, steps: EachStep) -> None:
    """Train to the end.

    Args:
        loop: its trainer has the weights and optimizer state of `steps.start_step`.
        batches: the pipeline's batches from step `steps.start_step + 1` on.
        steps: what is done after each step.

    Raises:
        TrainingError: a loss that is not finite.
        Stopped: SIGINT or SIGTERM arrived; the step it arrived in was finished and saved.
        DataError: a damaged record.
    """
    try:
        with steps.listening():
            loop.run(batches, steps.updates_left, steps)
    finally:
        steps.close()
