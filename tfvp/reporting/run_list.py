"""Lists the runs in a folder of results as a table: their progress and their test metrics."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_resolved
from tfvp.errors import ConfigError, RunError
from tfvp.evaluation.schema import MODEL, read_metrics
from tfvp.reporting.figures.training_curves import read_log
from tfvp.reporting.tables.table import NOTHING, Row, Section, Table, estimate_text
from tfvp.runs.checkpoint_files import checkpoint_steps
from tfvp.runs.folder import Run

COLUMNS = ("run", "config", "preset", "step", "state", "validation", "test", "started")
SHOWN_METRICS = 2
Read = TypeVar("Read")


def list_runs(results: Path) -> Table:
    """Make a table of all runs, the newest first; the row of a run names its damaged files.

    A run is a folder with a config.yaml or a provenance.json. Other folders are ignored.

    Raises:
        RunError: there is no such folder.
    """
    if not results.is_dir():
        raise RunError(f"{results}: no such folder; expected the folder that holds the runs")
    runs = [
        Run(path) for path in sorted(results.iterdir()) if path.is_dir() and path.name[0] != "."
    ]
    found = [run for run in runs if run.config_path.is_file() or run.provenance_path.is_file()]
    rows = [_row(run) for run in found]
    rows.sort(key=lambda row: row.texts[-1], reverse=True)
    return Table(f"runs in {results}", COLUMNS, (Section("", tuple(rows)),), ())


def _row(run: Run) -> Row:
    damaged: list[str] = []

    def tried(read: Callable[[], Read]) -> Read | None:
        try:
            return read()
        except (ConfigError, RunError, OSError, ValueError, KeyError, TypeError, AttributeError):
            damaged.append(read.__name__)
            return None

    def config() -> Experiment:
        return load_resolved(run.config_path)

    def checkpoint() -> int:
        return _last_step(run)

    def validation() -> str:
        return _best_validation(run)

    def metrics() -> str:
        return _test_metrics(run)

    def provenance() -> str:
        return _started(run)

    experiment, step = tried(config), tried(checkpoint)
    cells = (
        run.name,
        experiment.config if experiment else NOTHING,
        (experiment.preset if experiment else None) or NOTHING,
        f"{step or 0:,}/{experiment.training.steps:,}" if experiment else f"{step or 0:,}",
        _state(run, experiment, step or 0),
        tried(validation) or NOTHING,
        tried(metrics) or NOTHING,
        tried(provenance) or NOTHING,
    )
    if damaged:
        cells = (*cells[:4], f"damaged: {', '.join(damaged)}", *cells[5:])
    return Row.of("published", *cells)


def _last_step(run: Run) -> int:
    """Return the step of the newest checkpoint, or of the log where checkpoints were removed."""
    logged = read_log(run.train_log).get("step", [])
    return max(checkpoint_steps(run.checkpoints), default=int(logged[-1]) if logged else 0)


def _state(run: Run, experiment: Experiment | None, step: int) -> str:
    if (run.export / "saved_model").is_dir():
        return "exported"
    if run.metrics_path.is_file():
        return "evaluated"
    return "trained" if experiment and step >= experiment.training.steps else "incomplete"


def _best_validation(run: Run) -> str:
    """Write the lowest validation error and its step; empty where there was no validation."""
    log = read_log(run.validation_log)
    names = [name for name in log if name != "step"]
    if not names:
        return ""
    value, step = min(zip(log[names[0]], log["step"], strict=True))
    return f"{names[0]} {value:.2f} at {step:,.0f}"


def _test_metrics(run: Run) -> str:
    """Write the network's first metrics; empty where the run was not evaluated."""
    if not run.metrics_path.is_file():
        return ""
    metrics = read_metrics(run.metrics_path)
    results = metrics.results[MODEL]
    shown = list(metrics.metrics)[:SHOWN_METRICS]
    return ", ".join(f"{name} {estimate_text(results[name])}" for name in shown)


def _started(run: Run) -> str:
    """Write when the run began, in the time zone of this machine."""
    provenance: Any = json.loads(run.provenance_path.read_text("utf-8"))
    return datetime.fromisoformat(provenance["started"]).astimezone().strftime("%Y-%m-%d %H:%M")
