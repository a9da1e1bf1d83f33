"""All that one process trains with, and the step from which it goes on."""

from dataclasses import dataclass

import keras

from tfvp.config.training import TrainingConfig
from tfvp.data.prepare import PreparedData
from tfvp.training.checkpoints import Checkpoints, State, restore, state_of
from tfvp.training.distributed.devices import Devices
from tfvp.training.distributed.workers import Workers
from tfvp.training.early_stopping import Best
from tfvp.training.trainer import Trainer


@dataclass(frozen=True)
class TrainingSession:
    """All that belongs to the training of a network, but the steps under way.

    Args:
        config: the training section of the experiment.
        prepared: the data.
        devices: the replicas that train, here and in other processes.
        trainer: the network with its loss, optimizer and weight average.
        checkpoints: those of the run.
        start_step: the number of steps that the trainer's weights have taken.
        best: the best validation in these steps; None: there was no validation, or another worker
            knows of it.
    """

    config: TrainingConfig
    prepared: PreparedData
    devices: Devices
    trainer: Trainer
    checkpoints: Checkpoints
    start_step: int = 0
    best: Best | None = None

    @property
    def workers(self) -> Workers:
        """Return the processes that train together."""
        return self.devices.workers

    @property
    def updates_a_step(self) -> int:
        """Return how many updates make a step: one, or two with clips reversed in time."""
        return 1 + self.config.reverse_input

    @property
    def updates_left(self) -> int:
        """Return the number of updates from `start_step` to the last step."""
        return (self.config.steps - self.start_step) * self.updates_a_step

    @property
    def variables(self) -> list[keras.Variable]:
        """Return all variables that an update changes."""
        trainer = self.trainer
        return [
            *trainer.predictor.weights,
            *trainer.average.averages,
            *trainer.optimizer.variables,
        ]

    def state(self, step: int) -> State:
        """Return what a checkpoint of the step holds of the network, see `checkpoints.state_of`."""
        return state_of(step, self.trainer.predictor, self.trainer.average, self.trainer.optimizer)

    def restore(self, state: State) -> None:
        """Put a checkpoint's state into the trainer.

        Raises:
            WeightsError: it is that of another network or optimizer.
        """
        restore(state, self.trainer.predictor, self.trainer.average, self.trainer.optimizer)
