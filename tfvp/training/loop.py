"""The loop over updates: the trainer it drives, the loop itself, and what its updates cost."""

import time
from dataclasses import dataclass
from typing import Any

import keras

from tfvp.backend import backend
from tfvp.config.experiment import Experiment
from tfvp.config.training import TrainingConfig
from tfvp.data.pipeline import data_errors
from tfvp.models.build import build_model
from tfvp.training.distributed.devices import Devices
from tfvp.training.losses import build_loss
from tfvp.training.memory import out_of_memory_explained, peak_gigabytes
from tfvp.training.optimizers import build_optimizer
from tfvp.training.session import TrainingSession
from tfvp.training.trainer import Trainer, compiled_step, drive


def build_trainer(experiment: Experiment, devices: Devices) -> Trainer:
    """Build network, optimizer and weight average on the devices, with weights from the seed."""
    config = experiment.training
    keras.utils.set_random_seed(config.seed)
    backend.start_quickly()
    with devices.scope():
        predictor = build_model(experiment, config.precision)
        for layer in predictor.decoder_layers():
            layer.trainable = not config.freeze_decoder
        trainer = Trainer(
            predictor,
            horizon=experiment.trained_future,
            loss=build_loss(config.loss),
            average_decay=config.average_decay,
            micro_batch=devices.micro_batch,
            clip=config.clip,
        )
        optimizer = build_optimizer(config)
        trainer.compile(optimizer=optimizer, jit_compile=config.xla)
        optimizer.build(trainer.trainable_variables)
    return trainer


class Loop:
    """Takes updates: by `keras.Model.fit`, or by the same step and events where fit cannot.

    Args:
        trainer: what is trained.
        config: the training section.
        own: drive the step ourselves, as under JAX and under `multi_worker`.
        strategy: the own loop drives the step under it; None: on the default device.
    """

    def __init__(
        self, trainer: Trainer, config: TrainingConfig, *, own: bool = False, strategy: Any = None
    ):
        self.trainer = trainer
        self.config = config
        self.step = compiled_step(trainer, strategy) if own else None

    def run(self, batches: Any, updates: int, *callbacks: keras.callbacks.Callback) -> None:
        """Take updates from the first batch on, fewer if a callback sets `model.stop_training`.

        Args:
            batches: an iterable of batches, see `Trainer`; a tf.data pipeline for fit.
            updates: how many to take.
            callbacks: told of each update, in this order.

        Raises:
            TrainingError: the memory is not enough.
            DataError: a damaged record.
        """
        micro_batch = self.trainer.micro_batch or self.config.global_batch
        with data_errors(), out_of_memory_explained(self.config, micro_batch):
            if self.step is None:
                self.trainer.fit(
                    batches,
                    epochs=1,
                    steps_per_epoch=updates,
                    verbose=0,
                    shuffle=False,
                    callbacks=list(callbacks),
                )
            else:
                drive(
                    self.trainer,
                    self.step,
                    batches,
                    steps_per_epoch=updates,
                    callbacks=callbacks,
                )


@dataclass(frozen=True)
class Cost:
    """The measured time and memory of training."""

    seconds_to_first_update: float
    seconds_an_update: float
    peak_gigabytes: float


def measure_first_updates(loop: Loop, session: TrainingSession, batches: Any) -> Cost:
    """Take two updates to measure them, then put everything back as it was.

    The compiled step stays, so that training itself starts at once.

    Raises:
        TrainingError: XLA was asked for and cannot compile the update.
    """
    saved = session.state(0)
    marks = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: marks.append(time.perf_counter())
    )
    with backend.xla_errors(session.config.xla):
        loop.run(batches, 2, clock)
    session.restore(saved)
    return Cost(marks[1] - marks[0], marks[2] - marks[1], peak_gigabytes())
