"""The training loop: builds the trainer, measures what it will cost, and runs `keras.Model.fit`."""

import resource
import time
from dataclasses import dataclass
from typing import Any

import keras

from tfvp.config import Experiment
from tfvp.data.pipeline import data_errors
from tfvp.networks.build import build_model
from tfvp.training.checkpoints import restore, state_of
from tfvp.training.devices import Devices
from tfvp.training.losses import build_loss
from tfvp.training.optimizers import build_optimizer
from tfvp.training.steps import Steps
from tfvp.training.trainer import Trainer
from tfvp.training.xla import xla_errors


def build_trainer(experiment: Experiment, devices: Devices) -> Trainer:
    """Build network, optimizer and weight average on the devices, with weights from the seed."""
    config = experiment.training
    keras.utils.set_random_seed(config.seed)
    with devices.scope():
        predictor = build_model(experiment, config.precision)
        for layer in keras.tree.flatten(predictor.core.decoder):
            layer.trainable = not config.freeze_decoder
        trainer = Trainer(
            predictor,
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


def rehearse(trainer: Trainer, batches: Any) -> Cost:
    """Take two updates to measure them, then put everything back as it was.

    The compiled step stays, so that training itself starts at once.

    Raises:
        TrainingError: XLA was asked for and cannot compile the update.
    """
    saved = state_of(0, trainer.predictor, trainer.average, trainer.optimizer)
    marks = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: marks.append(time.perf_counter())
    )
    with xla_errors(trainer.jit_compile), data_errors():
        trainer.fit(
            batches, epochs=1, steps_per_epoch=2, verbose=0, shuffle=False, callbacks=[clock]
        )
    restore(saved, trainer.predictor, trainer.average, trainer.optimizer)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(marks[1] - marks[0], marks[2] - marks[1], kilobytes / 1e6)


def train(trainer: Trainer, batches: Any, steps: Steps) -> None:
    """Train to the end.

    Args:
        trainer: with the weights and optimizer state of `steps.start_step`.
        batches: the pipeline's batches from step `steps.start_step + 1` on.
        steps: what is done after each step.

    Raises:
        TrainingError: a loss that is not finite.
        Stopped: SIGINT or SIGTERM arrived; the step it arrived in was finished and saved.
        DataError: a damaged record.
    """
    try:
        with data_errors(), steps.listening():
            trainer.fit(
                batches,
                epochs=1,
                steps_per_epoch=steps.updates_left,
                verbose=0,
                shuffle=False,
                callbacks=[steps],
            )
    finally:
        steps.logs.close()
