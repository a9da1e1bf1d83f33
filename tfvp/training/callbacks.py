"""Callbacks around each training step, one for each subject.

`tfvp.experiment.train` puts them in a list, whose order is that of the events after a step: log,
validate, agree with the other workers, save, and end if asked to.

A callback of your own joins in one of two ways. A `StepCallback` goes into that list, at the place
where it is to be told of a step; it ends training, in every process, by what it tells
`AgreeWithWorkers`. Any other `keras.callbacks.Callback` is named by `training.callbacks`: the chief
tells it of each update as `keras.Model.fit` does, before the steps' own events; where it sets
`stop_training`, training ends after that step, validated and saved.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from tfvp.errors import TrainingError
from tfvp.system.progress import Progress
from tfvp.system.signals import signals_noted
from tfvp.training.early_stopping import Validation
from tfvp.training.logging.csv import TrainingLogs, in_one_line
from tfvp.training.optimizers import set_schedules
from tfvp.training.schedules import scheduled
from tfvp.training.session import TrainingSession
from tfvp.training.step_events import StepCallback


class Stopped(Exception):
    """Training was asked to stop by a signal, and what it had was saved."""

    def __init__(self, step: int, saved: str, number: int):
        super().__init__(f"stopped after step {step}; {saved}")
        self.exit_code = 128 + number


class SetSchedules(StepCallback):
    """Gives the optimizer the learning rate and momentum of each step."""

    def on_step_begin(self, step: int) -> None:
        """Set the learning rate and momentum of the step."""
        set_schedules(self.model.optimizer, step, self.config)


def _diverged(session: TrainingSession, step: int, what: str) -> TrainingError:
    """Return the error that says what is not finite after a step, what is left, what to change."""
    kept = session.checkpoints.steps()[-1:]
    left = f"the last good checkpoint is of step {kept[0]}" if kept else "nothing was saved yet"
    rate = session.config.optimizer.learning_rate
    return TrainingError(
        f"step {step}: {what}; {left}; lower training.optimizer.learning_rate ({rate}) and start "
        "again"
    )


class StopOnNonFiniteLoss(StepCallback):
    """Ends training where the loss or one of its parts is infinite or not a number."""

    def on_update_end(self, step: int, logs: dict[str, float]) -> None:
        """Check an update, or raise a TrainingError that says what can be done."""
        if all(np.isfinite(value) for value in logs.values()):
            return
        parts = ", ".join(f"{name} {value}" for name, value in logs.items())
        raise _diverged(self.session, step, f"the loss is not finite ({parts})")


class LogSteps(StepCallback):
    """Writes steps to the CSV file and to TensorBoard, and shows how far training is.

    Args:
        session: the session.
        logs: the files.
        progress: shows every step, however few are logged.
    """

    def __init__(self, session: TrainingSession, logs: TrainingLogs, progress: Progress):
        super().__init__(session)
        self.logs = logs
        self.progress = progress
        self.restart_clock()

    def restart_clock(self) -> None:
        """Begin to measure the time of a step; validation's is not part of it."""
        self.began = time.perf_counter()

    def on_step_end(self, step: int, logs: dict[str, float]) -> None:
        """Log a step if it is time to, and show it."""
        seconds = time.perf_counter() - self.began
        self.restart_clock()
        clips_per_s = self.config.global_batch * self.session.updates_a_step / seconds
        row = {"step": step, **logs, **scheduled(step, self.config)}
        if step % self.config.log_every == 0 or self.is_last(step):
            self.logs.write_train(row, {"clips_per_s": clips_per_s})
        self.progress.update(step, in_one_line(row, logs, clips_per_s))


class Validate(StepCallback):
    """Measures the weights every `validate_every` steps and after the last, and knows the best.

    Args:
        session: the session; its `best` is what the first validation is compared with.
        validation: what is measured, and what of it decides.
        log: logs the result; its clock is restarted.
        watch: told of each validation's step and deciding metric; True ends training.
    """

    def __init__(
        self,
        session: TrainingSession,
        validation: Validation,
        log: LogSteps,
        watch: Callable[[int, float], bool] | None = None,
    ):
        super().__init__(session)
        self.validation = validation
        self.log = log
        self.watch = watch
        self.given_up = False  # as `watch` asked
        self.best = session.best

    def on_step_end(self, step: int, logs: dict[str, float]) -> None:
        """Validate if it is time to; raise a TrainingError where a prediction is not finite."""
        del logs
        if step % self.config.validate_every and not self.is_last(step):
            return
        try:
            metrics, pictures = self.validation.measure()
        except FloatingPointError as error:
            raise _diverged(self.session, step, str(error)) from None
        self.log.logs.write_validation({"step": step, **metrics}, pictures)
        self.log.restart_clock()
        name, value = self.validation.metric, metrics[self.validation.metric]
        self.best = self.validation.judge(self.best, step, value, self.config.early_stopping)
        better = ", the best so far" if self.improved_at(step) else ""
        self.log.progress.say(f"step {step:,}: validation {name} {value:.4g}{better}")
        self.given_up = self.watch is not None and self.watch(step, value)

    def improved_at(self, step: int) -> bool:
        """Return whether the best validation so far is that of this step."""
        return self.best is not None and self.best.step == step

    def is_enough(self) -> bool:
        """Decide whether training stops early: `watch` asked, or `patience` was not rewarded."""
        stopping = self.config.early_stopping
        return self.given_up or (self.best is not None and self.best.is_final(stopping))


class AgreeWithWorkers(StepCallback):
    """Has all workers end after the same step: where one got a signal, or the chief has enough.

    Args:
        session: the session.
        is_enough: tells whether this worker wants to stop early.
    """

    def __init__(self, session: TrainingSession, is_enough: Callable[[], bool] = lambda: False):
        super().__init__(session)
        self.is_enough = is_enough
        self.signal = 0  # that this process got
        self.asked = 0  # the signal that any worker got, as all of them know

    def on_step_end(self, step: int, logs: dict[str, float]) -> None:
        """Wait for all workers, and take over what any of them wants."""
        del step, logs
        enough = self.is_enough() or self.model.stop_training  # which a user's callback may set
        self.asked, ends = self.session.workers.agree(self.signal, enough)
        self.model.stop_training = bool(ends)

    def listening(self) -> AbstractContextManager[None]:
        """Let SIGINT and SIGTERM wait for the step within the context; a second one does not."""
        return signals_noted(self._note)

    def _note(self, number: int) -> None:
        self.signal = number


class SaveCheckpoints(StepCallback):
    """Saves every `checkpoint_every` steps, at each improvement, and before training ends.

    Args:
        session: the session; checkpoints are saved to its folder.
        logs: written to the disk first.
        validate: knows the best validation, which the checkpoint holds too.
        agree: knows whether training was asked to stop.
    """

    def __init__(
        self,
        session: TrainingSession,
        logs: TrainingLogs,
        validate: Validate,
        agree: AgreeWithWorkers,
    ):
        super().__init__(session)
        self.logs = logs
        self.validate = validate
        self.agree = agree

    def on_step_end(self, step: int, logs: dict[str, float]) -> None:
        """Save a checkpoint if it is time to."""
        del logs
        ends = self.is_last(step) or self.agree.asked
        if ends or self.validate.improved_at(step) or step % self.config.checkpoint_every == 0:
            self.save(step)

    def save(self, step: int) -> None:
        """Save a checkpoint; raise a TrainingError where something in it is not finite."""
        state = self.session.state(step)
        broken = [name for name, value in state.items() if not np.isfinite(value).all()]
        if broken:
            what = f"{len(broken)} of {len(state)} variables are not finite, {broken[0]} first"
            raise _diverged(self.session, step, what)
        if self.validate.best:
            state.update(self.validate.best.state())
        self.logs.sync()
        self.session.checkpoints.save(step, state)


class StopWhenAsked(StepCallback):
    """Ends training everywhere once the chief has saved its checkpoint.

    Args:
        session: the session.
        agree: knows whether training was asked to stop.
    """

    def __init__(self, session: TrainingSession, agree: AgreeWithWorkers):
        super().__init__(session)
        self.agree = agree

    def on_step_end(self, step: int, logs: dict[str, float]) -> None:
        """Wait for the chief after the last step; raise Stopped if a signal asked for an end."""
        del logs
        last, asked, workers = self.is_last(step), self.agree.asked, self.session.workers
        if last or asked:
            workers.wait()
        if asked and not last:
            path = self.session.checkpoints.path(step)
            saved = f"{path} was saved" if workers.is_chief else "the chief saved it"
            raise Stopped(step, saved, asked)
