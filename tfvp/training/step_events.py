"""Steps for callbacks: Keras tells of updates, and with reversed clips two of them make a step."""

from typing import Any

import keras
import numpy as np

from tfvp.training.session import TrainingSession


class StepCallback(keras.callbacks.Callback):
    """A callback that is told of steps, counted from 1 over the whole training.

    Args:
        session: the session; its `start_step` is the last step that is not told of.
    """

    def __init__(self, session: TrainingSession):
        super().__init__()
        self.session = session
        self.config = session.config

    def on_step_begin(self, step: int) -> None:
        """Do something before the first update of a step."""

    def on_update_end(self, step: int, logs: dict[str, float]) -> None:
        """Do something after each update; `logs` are its loss and the loss's parts."""

    def on_step_end(self, step: int, logs: dict[str, float]) -> None:
        """Do something after the last update of a step; `logs` are the means over its updates."""

    def is_last(self, step: int) -> bool:
        """Return whether training ends with this step, planned or as the workers agreed."""
        return step == self.config.steps or self.model.stop_training


class StepEvents(keras.callbacks.Callback):
    """Turns Keras' events of updates into events of steps.

    Where `stop_training` was set after the first of two updates, the second is still taken: what is
    logged, measured and saved is a whole step.

    Args:
        session: the session.
        callbacks: they are told of every event in this order.
    """

    def __init__(self, session: TrainingSession, callbacks: list[StepCallback]):
        super().__init__()
        self.start_step = session.start_step
        self.updates_a_step = session.updates_a_step
        self.callbacks = callbacks
        self.updates: list[dict[str, float]] = []  # the logs of the step that is under way
        self.stop = False  # whether training is to end with the step that is under way

    def set_model(self, model: keras.Model) -> None:
        """Give every callback the trainer."""
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tell of the beginning of a step before its first update."""
        del logs
        if not self.updates:
            for callback in self.callbacks:
                callback.on_step_begin(self.step_of(batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell of the end of an update, and of the end of a step after its last update."""
        step, update = self.step_of(batch), {name: float(value) for name, value in logs.items()}
        for callback in self.callbacks:
            callback.on_update_end(step, update)
        self.updates.append(update)
        self.stop = self.stop or self.model.stop_training
        self.model.stop_training = self.stop and len(self.updates) == self.updates_a_step
        if len(self.updates) < self.updates_a_step:
            return
        means = {name: float(np.mean([each[name] for each in self.updates])) for name in update}
        self.updates.clear()
        for callback in self.callbacks:
            callback.on_step_end(step, means)

    def step_of(self, batch: int) -> int:
        """Return the step of a batch; Keras counts batches from 0 where training goes on."""
        return self.start_step + batch // self.updates_a_step + 1
