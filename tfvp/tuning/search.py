"""The search: trial after trial, then the best setting, its repeats and the test split, once."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tfvp.config.experiment import Experiment
from tfvp.errors import RunError, UserError, first_line
from tfvp.system.files import write_text
from tfvp.tuning.page import write_page
from tfvp.tuning.plan import Plan
from tfvp.tuning.study import (
    FAILURE,
    REPEATS,
    TESTED,
    fail,
    held,
    import_optuna,
    next_trial,
    open_study,
    running,
)

if TYPE_CHECKING:
    import optuna
    from optuna.trial import Trial

Watch = Callable[[int, float], bool]
"""Told of each validation's step and metric; returns whether the trial is to end."""
HOPELESS = 3  # trials; where the first so many all fail, the search itself is at fault


class Trained(NamedTuple):
    """What a trial came to."""

    value: float  # the metric of its best validation
    step: int  # of that validation
    steps: int  # updates that were made


class Work(NamedTuple):
    """What is done with an experiment of a search; a run folder comes of it."""

    train: Callable[[Experiment, Watch], Trained]
    test: Callable[[Experiment], None]
    say: Callable[[str], None]
    stops: tuple[type[Exception], ...] = ()  # raised where a signal asked to stop


def search(plan: Plan, work: Work, *, resume: bool) -> None:
    """Try settings until as many as asked for were, and conclude if no other process is at it.

    What kills the process loses the trial under way; the rest is in the database. A trial that
    fails is recorded with its reason and does not end the search.

    Args:
        plan: the search.
        work: trains and tests experiments.
        resume: go on with a search, or join the processes that are at it.

    Raises:
        RunError: see `open_study`; or every trial failed.
        ConfigError: see `open_study`.
    """
    study = open_study(plan, resume=resume)
    while (trial := next_trial(plan, study)) is not None:
        with held(plan, trial.number):
            _try(plan, work, study, trial)
        _give_up_if_hopeless(study)
    if others := running(study):
        names = ", ".join(trial_name(trial.number) for trial in others)
        work.say(f"other processes are at {names}; the last of them concludes the search")
        return
    _conclude(plan, work, study)


def trial_name(number: int) -> str:
    """Return the name of a trial's run: `trial_0007`."""
    return f"trial_{number:04d}"


def _try(plan: Plan, work: Work, study: "optuna.Study", trial: "Trial") -> None:
    """Train a trial and record what it came to, whatever that is."""
    optuna = import_optuna()
    name, began, pruned = trial_name(trial.number), time.monotonic(), False

    def watch(step: int, value: float) -> bool:
        nonlocal pruned
        trial.report(value, step)
        pruned = trial.should_prune()
        return pruned

    try:
        values = {parameter.name: parameter.suggest(trial) for parameter in plan.space}
        work.say(f"{name}: {', '.join(f'{key} {value}' for key, value in values.items())}")
        trained = work.train(plan.experiment(name, values), watch)
    except work.stops:
        fail(study, trial, "stopped", lost=True)
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else _unforeseen(error)
        fail(study, trial, reason)
        work.say(f"{name} failed: {reason}")
    except BaseException:  # asked to stop at once
        fail(study, trial, "stopped", lost=True)
        raise
    else:
        for key, value in trained._asdict().items():
            trial.set_user_attr(key, value)
        trial.set_user_attr("seconds", time.monotonic() - began)
        state = optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE
        study.tell(trial, None if pruned else trained.value, state=state)
        ended = ", ended early, others were better by then" if pruned else ""
        work.say(f"{name}: validation {plan.metric} {trained.value:.4g}{ended}")


def _unforeseen(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _give_up_if_hopeless(study: "optuna.Study") -> None:
    """Raise RunError if the first trials all failed."""
    reasons = [trial.user_attrs.get(FAILURE) for trial in study.get_trials(deepcopy=False)]
    if len(reasons) >= HOPELESS and all(reasons[:HOPELESS]) and not any(_whole(study)):
        raise RunError(f"the first {HOPELESS} trials failed; the last of them: {reasons[-1]}")


def _whole(study: "optuna.Study") -> list[Any]:
    """Return the trials that were trained to their end."""
    optuna = import_optuna()
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def _conclude(plan: Plan, work: Work, study: "optuna.Study") -> None:
    """Write the best setting, repeat it with other seeds, test it once, and write the page."""
    if not _whole(study):
        raise RunError(f"{plan.folder}: no trial was trained to its end; see the reasons above")
    best = study.best_trial
    path = plan.folder / "best.yaml"
    write_text(path, plan.best_yaml(best.params))
    work.say(
        f"best: {trial_name(best.number)}, validation {plan.metric} {best.value:.4g}; {path} is "
        "its configuration"
    )
    for seed in plan.seeds:
        _repeat(plan, work, study, seed)
    trained = plan.experiment(trial_name(best.number), best.params)
    is_here = (plan.folder / trained.name).exists()  # not where the database alone is shared
    if TESTED not in study.user_attrs and is_here:
        work.test(trained)
        study.set_user_attr(TESTED, trained.name)
    work.say(f"page: {write_page(plan, study)}")
    if TESTED not in study.user_attrs:
        raise RunError(
            f"{trained.name}, the best, is not in {plan.folder}: another process trained it; the "
            "same command with --resume on its machine measures it on the test split"
        )


def _repeat(plan: Plan, work: Work, study: "optuna.Study", seed: int) -> None:
    """Train the best setting with another seed, unless an earlier process did."""
    done = study.user_attrs.get(REPEATS, {})
    if str(seed) in done:
        return
    name = f"best-seed{seed}"
    experiment = plan.experiment(name, study.best_params, f"training.seed={seed}")
    trained = work.train(experiment, lambda step, value: False)
    study.set_user_attr(REPEATS, {**done, str(seed): trained.value})
    work.say(f"{name}: validation {plan.metric} {trained.value:.4g}")
