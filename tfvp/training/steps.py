"""What a training run does after each update: check, log, validate, save, and stop when asked."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfvp.config import TrainingConfig
from tfvp.errors import TrainingError
from tfvp.progress import Progress
from tfvp.training.checkpoints import METRIC, Best, Checkpoints, state_of
from tfvp.training.logs import TrainingLogs
from tfvp.training.optimizers import set_schedules
from tfvp.training.schedules import scheduled


class Stopped(Exception):
    """Training was asked to stop by a signal and saved what it had."""

    def __init__(self, step: int, checkpoint: Path, number: int):
        super().__init__(f"stopped after step {step}; {checkpoint} was saved")
        self.step = step
        self.exit_code = 128 + number


class Steps(keras.callbacks.Callback):
    """What happens after each update, in order: check, log, validate, save, stop.

    Args:
        config: the training section.
        start_step: updates done so far.
        checkpoints: where to save.
        logs: where to log.
        validate: measures the trainer's present weights on the validation split; gives {"mse": …}.
        progress: told of every step.
        best: the best validation so far.
    """

    def __init__(
        self,
        config: TrainingConfig,
        start_step: int,
        checkpoints: Checkpoints,
        logs: TrainingLogs,
        validate: Callable[[], dict[str, float]],
        progress: Progress,
        best: Best | None = None,
    ):
        super().__init__()
        self.config = config
        self.start_step = start_step
        self.checkpoints = checkpoints
        self.logs = logs
        self.validate = validate
        self.progress = progress
        self.best = best
        self.signal: int | None = None
        self.last_time = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set what follows a schedule."""
        del logs
        set_schedules(self.model.optimizer, self.start_step + batch + 1, self.config)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Follow one update; `logs` are the trainer's loss and its parts."""
        step = self.start_step + batch + 1
        last = step == self.config.steps
        self._check_finite(step, logs)
        seconds, self.last_time = time.perf_counter() - self.last_time, time.perf_counter()
        if step % self.config.log_every == 0 or last:
            self._log(step, logs, seconds)
        rates = scheduled(step, self.config)
        note = (
            f"loss {float(logs['loss']):.4g}, rate {rates['learning_rate']:.3g}, "
            f"{self.config.global_batch / seconds:.1f} clips/s"
        )
        self.progress.update(step, note)
        improved = (step % self.config.validate_every == 0 or last) and self._validate(step)
        if improved or last or self.signal or step % self.config.checkpoint_every == 0:
            self._save(step)
        if self.signal and not last:
            raise Stopped(step, self.checkpoints.path(step), self.signal)

    def _check_finite(self, step: int, logs: Any) -> None:
        if all(np.isfinite(float(value)) for value in logs.values()):
            return
        parts = ", ".join(f"{name} {float(value)}" for name, value in logs.items())
        kept = self.checkpoints.steps()[-1:]
        good = f"the last good checkpoint is of step {kept[0]}" if kept else "nothing was saved yet"
        raise TrainingError(
            f"step {step}: the loss is not finite ({parts}); {good}; lower "
            f"training.optimizer.learning_rate ({self.config.optimizer.learning_rate}) and start "
            "again"
        )

    def _log(self, step: int, logs: Any, seconds: float) -> None:
        row = {
            "step": step,
            **{name: float(value) for name, value in logs.items()},
            **scheduled(step, self.config),
        }
        self.logs.write_train(row, {"clips_per_s": self.config.global_batch / seconds})

    def _validate(self, step: int) -> bool:
        """Log a validation; true if it is the best so far."""
        measured = self.validate()
        self.logs.write_validation({"step": step, **measured})
        self.last_time = time.perf_counter()
        if self.best and measured[METRIC] >= self.best.value:
            return False
        self.best = Best(step, measured[METRIC])
        return True

    def _save(self, step: int) -> None:
        trainer = self.model
        state = state_of(step, trainer.predictor, trainer.average, trainer.optimizer)
        if self.best:
            for name, value in self.best._asdict().items():
                state[f"best/{name}"] = np.asarray(value)
        self.logs.sync()
        self.checkpoints.save(step, state)

    def listening(self) -> "_Listening":
        """Context in which SIGINT and SIGTERM let the step finish; a second one does not wait."""
        return _Listening(self)


class _Listening:
    def __init__(self, steps: Steps):
        self.steps = steps
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():  # signals work there alone
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._received)

    def _received(self, number: int, frame: Any) -> None:
        del frame
        self.steps.signal = number
        signal.signal(number, self.before[number])

    def __exit__(self, *_: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
