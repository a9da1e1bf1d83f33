"""The page of a search: its trials ranked, Optuna's plots, and what the seed alone changes."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfvp.errors import first_line
from tfvp.reporting.figures.figures import Picture
from tfvp.reporting.figures.style import png
from tfvp.reporting.pages.plain import Part, write_plain
from tfvp.reporting.tables.table import NOTHING, Cell, Row, Section, Spread, Table, whole
from tfvp.tuning.plan import Plan
from tfvp.tuning.study import FAILURE, LOST, REPEATS, TESTED, import_optuna

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

PAGE = "report.html"
_PLOTS = {
    "plot_optimization_history": ("History", "validation of each trial, and the best so far"),
    "plot_param_importances": ("Importance", "share of each key in the variance of validation"),
    "plot_parallel_coordinate": ("Parallel coordinates", "the values of each trial as a line"),
}


def write_page(plan: Plan, study: "optuna.Study") -> Path:
    """Write report.html into the folder of a search, from its database alone."""
    pictures, missing = [], []
    for name in _PLOTS:
        drawn = _plot(name, study, f"validation {plan.metric}")
        (pictures if isinstance(drawn, Picture) else missing).append(drawn)
    opening = [
        f"{plan.base.title}: {len(study.trials)} trials by the sampler {plan.sampler}, judged by "
        f"validation {plan.metric} of the best checkpoint; the best was measured on the test "
        f"split once ({study.user_attrs.get(TESTED, 'not yet')})."
    ]
    parts = [
        Part("Trials", tables=[trials_table(plan, study)]),
        Part("One key at a time", texts=[_ONE_AT_A_TIME], tables=[effects_table(plan, study)]),
        Part("The best setting with other seeds", tables=[seeds_table(plan, study)]),
        Part("Plots", texts=missing, pictures=pictures),
    ]
    page = plan.folder / PAGE
    return write_plain(page, f"Search {plan.name}", opening, parts, generator="tfvp tune")


def trials_table(plan: Plan, study: "optuna.Study") -> Table:
    """Make the table of all trials: those trained to their end first, the best on top."""
    optuna = import_optuna()
    complete = optuna.trial.TrialState.COMPLETE
    sign = -1 if plan.direction == "maximize" else 1
    trials = study.get_trials(deepcopy=False)
    done = sorted((t for t in trials if t.state == complete), key=lambda t: sign * (t.value or 0.0))
    others = [t for t in trials if t.state != complete]
    rows = [
        *(_row(plan, trial, str(rank)) for rank, trial in enumerate(done, start=1)),
        *(_row(plan, trial, NOTHING) for trial in others),
    ]
    names = [parameter.name for parameter in plan.space]
    columns = ("Rank", "Run", *names, f"Validation {plan.metric}", "Updates", "Seconds", "Ended")
    return Table("Trials", columns, (Section("", tuple(rows)),), ())


_ONE_AT_A_TIME = (
    "Trials that differ from the searched configuration in one key. An effect is only one where it "
    "is larger than what another seed changes."
)


def effects_table(plan: Plan, study: "optuna.Study") -> Table:
    """Make the table of trials that differ from the searched configuration in one key."""
    optuna = import_optuna()
    base = plan.base_values()
    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    start = next((trial.value for trial in done if trial.params == base), None)
    rows = []
    for trial in done:
        changed = [name for name in base if trial.params.get(name) != base[name]]
        if len(changed) == 1 and start is not None:
            (name,) = changed
            change = f"{base[name]} → {trial.params[name]}"
            difference = (trial.value or 0.0) - start
            rows.append(Row.of("ours", name, change, _number(trial.value), _number(difference)))
    notes = [] if rows else ["No two trials differ in one key from the searched configuration."]
    if start is not None:
        notes.append(f"The configuration itself: {start:.4g}.")
    columns = ("Key", "Change", f"Validation {plan.metric}", "Difference")
    footnotes = tuple(("", note) for note in [*notes, *_seeds_note(plan, study)])
    return Table("One key at a time", columns, (Section("", tuple(rows)),), footnotes)


def seeds_table(plan: Plan, study: "optuna.Study") -> Table:
    """Make the table of the best setting by seed."""
    rows = [
        Row.of("ours", str(seed), _number(value)) for seed, value in _by_seed(plan, study).items()
    ]
    notes = _seeds_note(plan, study) or [
        "A single seed: --seeds A,B trains the best setting with others."
    ]
    columns = ("Seed", f"Validation {plan.metric}")
    footnotes = tuple(("", note) for note in notes)
    return Table("Seeds", columns, (Section("", tuple(rows)),), footnotes)


def _by_seed(plan: Plan, study: "optuna.Study") -> dict[int, float]:
    repeats = study.user_attrs.get(REPEATS, {})
    own = {plan.base.training.seed: study.best_value}
    return own | {int(seed): value for seed, value in repeats.items()}


def _seeds_note(plan: Plan, study: "optuna.Study") -> list[str]:
    values = list(_by_seed(plan, study).values())
    if len(values) < 2:
        return []
    return [
        f"The best setting with {len(values)} seeds: from {min(values):.4g} to {max(values):.4g}, "
        f"standard deviation {Spread.of(values).deviation:.3g}. The best of many trials is lucky: "
        "its own seed's value is too good on average."
    ]


def _row(plan: Plan, trial: "FrozenTrial", rank: str) -> Row:
    attrs = trial.user_attrs
    value = trial.value if trial.value is not None else attrs.get("value")
    ended = trial.state.name.lower()
    if FAILURE in attrs:
        ended = f"{'lost' if attrs.get(LOST) else 'failed'}: {attrs[FAILURE]}"
    return Row.of(
        "ours",
        rank,
        f"trial_{trial.number:04d}",
        *(_shown(trial.params.get(parameter.name)) for parameter in plan.space),
        _number(value),
        whole(attrs["steps"]) if "steps" in attrs else NOTHING,
        _number(attrs.get("seconds")),
        ended,
    )


def _number(value: float | None) -> Cell:
    return Cell(NOTHING) if value is None else Cell(f"{value:.4g}", value)


def _shown(value: Any) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4g}" if isinstance(value, float) else str(value).strip('"')


def _plot(name: str, study: "optuna.Study", target: str) -> Picture | str:
    """Draw one of Optuna's plots; a text says why where there is nothing to draw."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    title, meaning = _PLOTS[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn = getattr(plots, name)(study, target_name=target)
            figure = pyplot.gcf() if not hasattr(drawn, "figure") else drawn.figure
            figure.set_size_inches(10, 5)
            figure.tight_layout()
            return Picture(name.removeprefix("plot_"), title, f"{title}: {meaning}", png(figure))
    except (ValueError, RuntimeError) as error:  # too few trials, or all of one value
        return f"No plot of {title.lower()}: {first_line(error)}"
    finally:
        pyplot.close("all")
