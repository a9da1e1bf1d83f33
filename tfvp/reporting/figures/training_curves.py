"""Draws how runs were trained, from their CSV logs: losses, validation and schedules by step."""

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfvp.errors import RunError
from tfvp.reporting.figures.style import legend_columns, legend_inches, look
from tfvp.runs.folder import Run

_NOT_CURVES = {"step", "wall_seconds", "clips_per_second"}
# Spans orders of magnitude: everything that training minimises.
_LOSSES = ("loss", "reconstruction", "future", "l1", "l2", "cross_entropy", "network")
_TITLES = {
    "loss": "loss per sequence (weighted sum of its parts)",
    "reconstruction": "loss per sequence: share of the reconstructed context",
    "future": "loss per sequence: share of the predicted future",
    "l1": "l1: sum of absolute errors per sequence",
    "l2": "l2: half the sum of squared errors per sequence",
    "cross_entropy": "cross entropy per sequence",
    "network": "the network's auxiliary loss per sequence",
}
_PLAIN = {"truth_probability": "probability of feeding the true frame"}
_COLUMNS, _WIDTH = 2, 10.0

Log = dict[str, list[float]]
Curves = dict[str, tuple[list[float], list[float]]]


def training_figure(runs: Mapping[str, Run]) -> Figure | None:
    """Draw every logged column against the step, a panel each with a line for each run.

    Args:
        runs: the name of each run in the figure -> its folder.

    Returns:
        The figure, or None when nothing was logged.

    Raises:
        RunError: a log is not a table of numbers with a column `step`.
    """
    logs = {name: _curves(run) for name, run in runs.items()}
    panels = list(dict.fromkeys(title for curves in logs.values() for title in curves))
    if not panels:
        return None
    lines = -(-len(panels) // _COLUMNS)
    size = _WIDTH, 2.6 * lines + legend_inches(len(logs), _WIDTH)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for axis, title in zip(axes, panels, strict=False):
        _draw_lines(axis, title, logs)
        axis.set_title(title, fontsize="medium")
        axis.set_xlabel("step (optimizer updates)")
        axis.grid(alpha=0.3)
        if title in _TITLES.values():
            axis.set_yscale("log", nonpositive="mask")
        else:
            axis.set_ylim(bottom=0)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    columns = legend_columns(len(logs), _WIDTH)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def _draw_lines(axis: Axes, title: str, logs: Mapping[str, Curves]) -> None:
    for number, (name, curves) in enumerate(logs.items()):
        if title in curves:
            steps, values = curves[title]
            axis.plot(
                steps,
                values,
                label=name,
                marker="." if len(steps) <= 50 else None,
                **look(number),
            )


def _curves(run: Run) -> Curves:
    """Read a run's curves: title of a panel -> steps and values, in the order of the panels."""
    return {title: curve for log in ("train", "validation") for title, curve in _of_log(run, log)}


def _of_log(run: Run, log: str) -> Iterator[tuple[str, tuple[list[float], list[float]]]]:
    columns = read_log(run.train_log if log == "train" else run.validation_log)
    for column in [
        *(c for c in _LOSSES if c in columns),
        *(c for c in columns if c not in _LOSSES),
    ]:
        values = columns[column]
        if column not in _NOT_CURVES and any(map(math.isfinite, values)):
            plain = _PLAIN.get(column) or column.replace("_", " ")
            title = f"validation {plain}" if log == "validation" else _TITLES.get(column, plain)
            yield title, (columns["step"], values)


def read_log(path: Path) -> Log:
    """Read the columns of a CSV log; an empty field is NaN, and a missing file has no columns.

    Raises:
        RunError: the file is not a table of numbers, or has no column `step`.
    """
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
        names = reader.fieldnames or []
        if rows and "step" not in names:
            raise ValueError("it has no column `step`")
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("its lines differ in length")
        return {name: [float(row[name] or "nan") for row in rows] for name in names if rows}
    except (ValueError, csv.Error) as error:
        raise RunError(f"{path}: not a log of numbers: {error}") from None
