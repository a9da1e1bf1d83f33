"""The study in its database: Optuna's trials, of which some process may have died."""

import contextlib
import fcntl
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfvp.errors import ConfigError, RunError, UserError, first_line
from tfvp.tuning.plan import LISTED, Plan

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, Trial

PLAN, TESTED, REPEATS = "plan", "tested", "repeats"  # what a study keeps besides trials
FAILURE, LOST, AGAIN = "failure", "lost", "again"  # what a trial keeps besides its values
DATABASE = "study.db"


def import_optuna() -> Any:
    """Return Optuna, which says nothing of its own.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("tfvp tune needs Optuna, not installed; pip install optuna") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    # one_at_a_time begins at the configuration's own value, which a range need not hold
    warnings.filterwarnings("ignore", "Fixed parameter .* is out of range")
    return optuna


def open_study(plan: Plan, *, resume: bool) -> "optuna.Study":
    """Make the study of a search, or open the one that is there.

    Args:
        plan: the search.
        resume: go on with the one that is there, or join other processes at it; where there is
            none it is made.

    Raises:
        RunError: it exists and is not to be resumed, is another search's, or is over.
        ConfigError: the database cannot be reached, or the space is endless for its sampler.
    """
    settings = plan.listed() if plan.sampler in LISTED else []
    if plan.folder.exists() and not resume:
        raise RunError(
            f"{plan.folder} exists and is never overwritten; go on with --resume, or choose "
            "another --name"
        )
    made = not plan.folder.exists()
    plan.folder.mkdir(parents=True, exist_ok=True)
    try:
        study = _create(plan, resume=resume)
    except UserError:
        if made:  # there is no search: leave no folder either, if it is empty
            with contextlib.suppress(OSError):
                plan.folder.rmdir()
        raise
    if kept := study.user_attrs.get(PLAN):
        plan.check_same(kept)
    study.set_user_attr(PLAN, plan.record())
    _recover(plan, study)
    wanted = len(settings) if plan.sampler in LISTED else plan.trials
    if TESTED in study.user_attrs and begun(study) < wanted:
        raise RunError(
            f"{plan.folder} is over: its best trial was measured on the test split; begin another "
            "search with --name, or ask for as many --trials as there are"
        )
    for values in settings:
        study.enqueue_trial(values, skip_if_exists=True)
    return study


def _create(plan: Plan, *, resume: bool) -> "optuna.Study":
    """Make the study in its database, or find it there; raises as `open_study`."""
    optuna = import_optuna()
    url = plan.storage or f"sqlite:///{plan.folder.absolute() / DATABASE}"
    shown = re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:***@", url)  # without the password
    try:
        patient = {"connect_args": {"timeout": 100}} if url.startswith("sqlite") else {}
        storage = optuna.storages.RDBStorage(url, engine_kwargs=patient)
        return optuna.create_study(
            storage=storage,
            study_name=plan.name,
            direction=plan.direction,
            pruner=optuna.pruners.MedianPruner() if plan.pruned else optuna.pruners.NopPruner(),
            load_if_exists=resume,
        )
    except optuna.exceptions.DuplicatedStudyError:
        raise RunError(
            f"{shown} holds a search {plan.name}; go on with --resume, or choose another --name"
        ) from None
    except ImportError as error:
        driver = getattr(error.__cause__, "name", None)
        needed = f"needs {driver}, not installed; pip install {driver}"
        raise ConfigError(f"{shown}: {needed if driver else first_line(error)}") from None
    except Exception as error:  # whatever a driver of a database raises
        raise ConfigError(f"{shown}: cannot be used: {first_line(error)}") from None


def next_trial(plan: Plan, study: "optuna.Study") -> "Trial | None":
    """Begin a trial; None where all that were asked for have begun, here or elsewhere."""
    optuna = import_optuna()
    if is_full(plan, study):
        return None
    # What a process drew must not be drawn again after a resumption, nor by another process.
    seed = plan.base.training.seed + len(study.get_trials(deepcopy=False))
    samplers = optuna.samplers
    chosen = samplers.TPESampler if plan.sampler == "tpe" else samplers.RandomSampler
    study.sampler = chosen(seed=seed)
    return study.ask()


def is_full(plan: Plan, study: "optuna.Study") -> bool:
    """Return whether as many trials as were asked for, or as there are, have begun."""
    waits = import_optuna().trial.TrialState.WAITING
    waiting = study.get_trials(deepcopy=False, states=(waits,))
    return begun(study) >= plan.trials or (plan.sampler in LISTED and not waiting)


def begun(study: "optuna.Study") -> int:
    """Count the trials that have begun, without those that were lost."""
    waits = import_optuna().trial.TrialState.WAITING
    trials = study.get_trials(deepcopy=False)
    return sum(t.state != waits and not t.user_attrs.get(LOST) for t in trials)


def fail(study: "optuna.Study", trial: "Trial", reason: str, *, lost: bool = False) -> None:
    """End a trial that came to nothing.

    Args:
        study: the study.
        trial: the trial.
        reason: for readers.
        lost: it is not the setting's fault; the setting is tried once more.
    """
    optuna = import_optuna()
    trial.set_user_attr(FAILURE, reason)
    if lost and not trial.user_attrs.get(AGAIN):
        trial.set_user_attr(LOST, True)
        study.enqueue_trial(trial.params, user_attrs={AGAIN: True})
    study.tell(trial, state=optuna.trial.TrialState.FAIL)


def running(study: "optuna.Study") -> "list[FrozenTrial]":
    """Return the trials that some process is at."""
    optuna = import_optuna()
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))


def _recover(plan: Plan, study: "optuna.Study") -> None:
    """End the trials whose process died, as far as this machine can know."""
    optuna = import_optuna()
    for frozen in running(study):
        path = _lock_path(plan, frozen.number)
        if not path.exists():
            continue  # another machine's, or not quite begun
        with contextlib.suppress(BlockingIOError), held(plan, frozen.number):
            trial = optuna.trial.Trial(study, frozen._trial_id)
            fail(study, trial, "the process that trained it was killed", lost=True)


@contextlib.contextmanager
def held(plan: Plan, number: int) -> Iterator[None]:
    """Hold a trial as long as this process works at it; the system gives it free where it dies.

    Raises:
        BlockingIOError: another process holds it.
    """
    path = _lock_path(plan, number)
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass  # a file system without such locks
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _lock_path(plan: Plan, number: int) -> Path:
    return plan.folder / f".trial_{number:04d}.lock"
