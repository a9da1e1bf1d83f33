"""Names what a measurement does otherwise than the run's configuration says."""

from pathlib import Path
from typing import Any

from tfvp.config.evaluation import METRIC_PRESETS
from tfvp.config.experiment import Experiment
from tfvp.evaluation.schema import read_metrics
from tfvp.evaluation.suites.schema import INDEX, case_folder, read_suite
from tfvp.runs.folder import Run, evaluation_folder

ROBUSTNESS = "robustness"
# `evaluation.batch` is not among them: it changes no number but the speed.
_COMPARED = ("task", "sequences", "metrics", "checkpoint", "weights", "samples", "clips")


def differences(run: Experiment, now: Experiment, available: int | None = None) -> tuple[str, ...]:
    """Name the settings in which a measurement differs from that of the run's configuration.

    Args:
        run: the run's own configuration.
        now: what is measured with.
        available: clips in the test split; to ask for all of them or for more is no difference.

    Returns:
        parts of a folder's name, e.g. ("sequences-50", "metrics-all"); none: it is the run's own.
    """
    old, new = (_measured_with(each, available) for each in (run, now))
    changed = {key: value for key, value in new.items() if old[key] != value}
    return tuple(
        value if key == "task" else f"{key}-{_text(value)}" for key, value in changed.items()
    )


def suite_home(run: Run, own: Experiment, now: Experiment) -> Path:
    """Find a place for the robustness suite: not over one that was measured with other settings.

    Args:
        run: the run.
        own: its configuration.
        now: what is measured with.

    Returns:
        evaluations/robustness/ of the run, or a folder beside it.

    Raises:
        RunError: a file of the suite that lies there is damaged.
    """
    home = evaluation_folder(run, ROBUSTNESS).root
    names = differences(own, now)
    if not names or not (home / INDEX).exists():
        return home
    case = read_suite(home).measured[0]
    before = read_metrics(case_folder(home, case).metrics_path)
    there = (before.protocol.sequences, tuple(before.metrics), before.metadata.weights)
    evaluation = now.evaluation
    wanted = (evaluation.sequences, evaluation.metrics, evaluation.weights)
    return home if there == wanted else evaluation_folder(run, ROBUSTNESS, *names).root


def _measured_with(experiment: Experiment, available: int | None) -> dict[str, Any]:
    settings = {key: getattr(experiment.evaluation, key) for key in _COMPARED}
    if available is not None:
        settings["sequences"] = min(settings["sequences"] or available, available)
    model = experiment.model
    return settings | {key: getattr(model, key) for key in model.prediction_keys}


def _text(value: Any) -> str:
    if not isinstance(value, tuple):
        return "all" if value is None else str(value)
    presets = [name for name, metrics in METRIC_PRESETS.items() if metrics == value]
    return presets[0] if presets else "-".join(map(str, value))
