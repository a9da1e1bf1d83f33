"""Draws a run's curves from its CSV files: error against frame, and training against step."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfvp.errors import RunError
from tfvp.evaluation.pictures import save
from tfvp.evaluation.record import MODEL, FrameRow
from tfvp.reporting.tables import Measured, method_title
from tfvp.runs import Run

TRAINING_FIGURE = "training.png"
DPI = 120
# Told apart without colour too: the network is solid and has markers.
_LINES = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
_BAND_ALPHA = 0.2
# Label, log and columns of each panel of the training figure.
_PANELS = (
    ("loss per sequence", "train", ("loss", "l1", "l2", "cross_entropy")),
    ("validation mse", "validation", ("mse",)),
    ("learning rate", "train", ("learning_rate",)),
    ("momentum", "train", ("momentum",)),
    ("truth probability", "train", ("truth_probability", "context_truth_probability")),
)


def frame_figures(run: Run, measured: Measured, frames: Sequence[FrameRow]) -> list[Path]:
    """Draw each metric against the frame number, the network and the baselines, with 95 % bands.

    Writes figures/per_frame_<metric>.png and removes those of metrics that are no longer measured.
    """
    run.figures.mkdir(parents=True, exist_ok=True)
    written = []
    for name in measured.metrics.metrics:
        path = run.figures / f"per_frame_{name}.png"
        save(path, _png(_frame_figure(name, measured, frames)))
        written.append(path)
    for old in run.figures.glob("per_frame_*.png"):
        if old not in written:
            old.unlink()
    return written


def training_figure(run: Run) -> Path | None:
    """Draw loss, validation error and schedules against the step; None when nothing was logged.

    Raises:
        RunError: a log is not a table of numbers with a column `step`.
    """
    logs = {"train": read_log(run.train_log), "validation": read_log(run.validation_log)}
    panels = [
        (label, logs[log]["step"], {c: logs[log][c] for c in columns if c in logs[log]})
        for label, log, columns in _PANELS
        if any(column in logs[log] for column in columns)
    ]
    if not panels:
        return None
    figure = Figure(figsize=(8, 2.2 * len(panels) + 0.6), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    for axis, (label, steps, curves) in zip(axes, panels, strict=True):
        for column, values in curves.items():
            axis.plot(steps, values, label=column, marker="." if len(steps) <= 50 else None)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        if label == _PANELS[0][0]:  # spans orders of magnitude
            axis.set_yscale("log", nonpositive="mask")
            axis.legend()
        else:
            axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("step")
    axes[0].set_title(f"Training of {run.name}")
    run.figures.mkdir(parents=True, exist_ok=True)
    path = run.figures / TRAINING_FIGURE
    save(path, _png(figure))
    return path


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of a CSV log, an empty field as NaN; empty when there is no such file or no line.

    Raises:
        RunError: not a table of numbers, or without a column `step`.
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


def _frame_figure(name: str, measured: Measured, frames: Sequence[FrameRow]) -> Figure:
    facts, protocol = measured.metrics.facts, measured.metrics.protocol
    metric = measured.metrics.metrics[name]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    baselines = [method for method in measured.metrics.results if method != MODEL]
    for number, method in enumerate([MODEL, *baselines]):
        rows = [row for row in frames if row.metric == name and row.method == method]
        numbers = [row.frame for row in rows]
        (line,) = axis.plot(
            numbers,
            _finite(row.mean for row in rows),
            label=facts.title if method == MODEL else method_title(method),
            linestyle="-" if method == MODEL else _LINES[(number - 1) % len(_LINES)],
            linewidth=2.5 if method == MODEL else 1.5,
            marker="o" if method == MODEL else None,
            markersize=4,
        )
        low, high = _finite(row.ci95_low for row in rows), _finite(row.ci95_high for row in rows)
        axis.fill_between(
            numbers, low, high, color=line.get_color(), alpha=_BAND_ALPHA, linewidth=0
        )
    unit = "" if metric.unit == "1" else f" [{metric.unit}]"
    axis.set_ylabel(f"{metric.title}{unit}, {metric.better} is better")
    if metric.better == "lower":
        axis.set_ylim(bottom=0)
    _frame_axis(axis, protocol.context_frames)
    axis.set_title(f"{facts.data}\n{protocol.sequences:,} test sequences, bands: 95 % interval")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _frame_axis(axis: Axes, context_frames: int) -> None:
    axis.set_xlabel(f"frame number (frames 1 to {context_frames} are given)")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)


def _finite(values: Iterable[float | None]) -> list[float]:
    """Values to draw; nothing is drawn where there is none or it is infinite."""
    return [v if v is not None and math.isfinite(v) else math.nan for v in values]


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    return data.getvalue()
