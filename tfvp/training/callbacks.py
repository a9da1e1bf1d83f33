"""What a training run does after each step: check, log, validate, save, and stop when asked."""

import signal
import threading
import time
from abc import ABC, abstractmethod
from typing import Any

import keras
import numpy as np

from tfvp.config.training import TrainingConfig
from tfvp.errors import TrainingError
from tfvp.system.progress import Progress
from tfvp.training.checkpoints import Checkpoints, state_of
from tfvp.training.distributed.workers import SingleProcess, Workers
from tfvp.training.early_stopping import Best, Validation
from tfvp.training.logging.csv import TrainingLogs, in_one_line
from tfvp.training.optimizers import set_schedules
from tfvp.training.schedules import scheduled


class Stopped(Exception):
    """Training was asked to stop by a signal, and what it had was saved."""

    def __init__(self, step: int, saved: str, number: int):
        super().__init__(f"stopped after step {step}; {saved}")
        self.exit_code = 128 + number


class EachStep(keras.callbacks.Callback, ABC):
    """Sets what follows a schedule, checks each update, and follows each step.

    Args:
        config: the training section.
        start_step: steps done so far.
        checkpoints: where they are saved.
        workers: the processes that train together.
    """

    def __init__(
        self, config: TrainingConfig, start_step: int, checkpoints: Checkpoints, workers: Workers
    ):
        super().__init__()
        self.config = config
        self.start_step = start_step
        self.checkpoints = checkpoints
        self.workers = workers
        self.updates_a_step = 1 + config.reverse_input
        self.updates: list[dict[str, float]] = []  # of the step that is going on
        self.signal = 0  # that asked this process to stop

    @abstractmethod
    def _follow(self, step: int, logs: Any) -> None:
        """Follow one step; `logs` are the means over its updates."""

    @abstractmethod
    def close(self) -> None:
        """Training is over."""

    @property
    def updates_left(self) -> int:
        """Updates that are still to be made when training begins."""
        return (self.config.steps - self.start_step) * self.updates_a_step

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set what follows a schedule."""
        del logs
        set_schedules(self.model.optimizer, self._step(batch), self.config)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Follow one update; `logs` are the trainer's loss and its parts."""
        step = self._step(batch)
        self._check_finite(step, logs)
        self.updates.append({name: float(value) for name, value in logs.items()})
        if len(self.updates) == self.updates_a_step:
            mean = {name: float(np.mean([u[name] for u in self.updates])) for name in logs}
            self.updates.clear()
            self._follow(step, mean)

    def _step(self, batch: int) -> int:
        """The step that the update of a batch, counted from 0, belongs to."""
        return self.start_step + batch // self.updates_a_step + 1

    def _agree(self, enough: bool) -> int:
        """End training everywhere where the chief has enough; return the signal that any got."""
        asked, ends = self.workers.agree(self.signal, enough)
        self.model.stop_training = bool(ends)
        return asked

    def _end(self, step: int, asked: int, saved: str) -> None:
        """After the last step wait until the chief has saved it; raise Stopped if one was asked."""
        last = step == self.config.steps or self.model.stop_training
        if last or asked:
            self.workers.wait()
        if asked and not last:
            raise Stopped(step, saved, asked)

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

    def listening(self) -> "_Listening":
        """Context in which SIGINT and SIGTERM let the step finish; a second one does not wait."""
        return _Listening(self)


class Steps(EachStep):
    """What the chief, or the only process, does after each step: log, validate, save, stop.

    Args:
        config: the training section.
        start_step: steps done so far.
        checkpoints: where to save.
        logs: where to log.
        validation: what is measured after every `validate_every` steps and the last.
        progress: told of every step.
        best: the best validation so far.
        workers: the processes that train together; None: this one alone.
    """

    def __init__(
        self,
        config: TrainingConfig,
        start_step: int,
        checkpoints: Checkpoints,
        logs: TrainingLogs,
        validation: Validation,
        progress: Progress,
        best: Best | None = None,
        workers: Workers | None = None,
    ):
        super().__init__(config, start_step, checkpoints, workers or SingleProcess())
        self.logs = logs
        self.validation = validation
        self.progress = progress
        self.best = best
        self.last_time = time.perf_counter()

    @property
    def _clips(self) -> int:
        """Clips that a step learns from."""
        return self.config.global_batch * self.updates_a_step

    def _follow(self, step: int, logs: Any) -> None:
        """Follow one step; `logs` are the means over its updates."""
        last = step == self.config.steps
        seconds, self.last_time = time.perf_counter() - self.last_time, time.perf_counter()
        if step % self.config.log_every == 0 or last:
            self.logs.write_train(self._row(step, logs), {"clips_per_s": self._clips / seconds})
        note = in_one_line(self._row(step, logs), logs, self._clips / seconds)
        self.progress.update(step, note)
        improved = (step % self.config.validate_every == 0 or last) and self._validate(step)
        enough = bool(self.best and self.best.is_final(self.config.early_stopping))
        asked = self._agree(enough)
        if improved or last or enough or asked or step % self.config.checkpoint_every == 0:
            self._save(step)
        self._end(step, asked, f"{self.checkpoints.path(step)} was saved")

    def _row(self, step: int, logs: Any) -> dict[str, float]:
        """What there is to log of a step, by column."""
        return {
            "step": step,
            **logs,
            **scheduled(step, self.config),
        }

    def _validate(self, step: int) -> bool:
        """Log a validation; true if it is the best so far."""
        metrics, pictures = self.validation.measure()
        self.logs.write_validation({"step": step, **metrics}, pictures)
        self.last_time = time.perf_counter()
        name, value = self.validation.metric, metrics[self.validation.metric]
        self.best = self.validation.judge(self.best, step, value, self.config.early_stopping)
        improved = self.best.step == step
        self.progress.say(
            f"step {step:,}: validation {name} {value:.4g}"
            + (", the best so far" if improved else "")
        )
        return improved

    def _save(self, step: int) -> None:
        trainer = self.model
        state = state_of(step, trainer.predictor, trainer.average, trainer.optimizer)
        if self.best:
            state.update(self.best.state())
        self.logs.sync()
        self.checkpoints.save(step, state)

    def close(self) -> None:
        """Write everything out."""
        self.logs.close()


class OtherSteps(EachStep):
    """What a worker that is not the chief does after each step: stop when the others do."""

    def _follow(self, step: int, logs: Any) -> None:
        del logs
        asked = self._agree(enough=False)
        self._end(step, asked, "the chief saved it")

    def close(self) -> None:
        """Nothing was written."""


class _Listening:
    def __init__(self, steps: EachStep):
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
