"""Draws error against frame number for runs that were measured on the same sequences."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfvp.evaluation.schema import MODEL, FrameRow
from tfvp.reporting.evaluated_run import EvaluatedRun, given_frames, method_title, metrics_of, names
from tfvp.reporting.figures.style import baseline_look, legend_columns, legend_inches, look

_WIDTH = 8.0
_CHART_INCHES = (4.6, 3.4)  # of a chart in a row of charts, on a telephone as wide as its screen
_LONG_NAME = 28  # letters; shorter names stand in two columns
_BAND_ALPHA = 0.15


def frame_figure(metric: str, group: Sequence[EvaluatedRun]) -> Figure:
    """Draw a metric against the frame number, networks and baselines, with 95 % bands.

    A baseline whose means are all infinite (PSNR of frames that it predicts exactly) has no line.

    Args:
        metric: the name of the metric; runs that were not measured with it have no line.
        group: runs that were measured on the same sequences.
    """
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    _draw(axis, metric, group)
    entries = len(axis.get_legend_handles_labels()[1])
    figure.set_size_inches(_WIDTH, 4.5 + legend_inches(entries, _WIDTH))
    axis.set_ylabel(axis.get_ylabel().replace("\n", ", "))
    protocol, data = group[0].metrics.protocol, group[0].metrics.metadata.data
    axis.set_title(f"{data}\n{protocol.sequences:,} test sequences, bands: 95 % interval")
    figure.legend(loc="outside lower center", ncols=legend_columns(entries, _WIDTH))
    return figure


def frame_chart(metric: str, group: Sequence[EvaluatedRun]) -> Figure:
    """Draw the same for a row of charts, which has one `frame_legend`."""
    figure = Figure(_CHART_INCHES, layout="constrained")
    _draw(figure.subplots(), metric, group)
    return figure


def frame_legend(group: Sequence[EvaluatedRun]) -> Figure:
    """Draw the legend of all `frame_chart` of a group."""
    drawn: dict[str, Any] = {}
    for metric in metrics_of(group):
        axis = Figure().subplots()
        _draw(axis, metric, group)
        handles, labels = axis.get_legend_handles_labels()
        drawn |= dict(zip(labels, handles, strict=True))
    columns = 1 if max(map(len, drawn)) > _LONG_NAME else 2
    lines = -(-len(drawn) // columns)
    figure = Figure((_CHART_INCHES[0], 0.22 * lines + 0.2))
    figure.legend(drawn.values(), drawn, loc="center", ncols=columns, frameon=False)
    return figure


def _draw(axis: Axes, metric: str, group: Sequence[EvaluatedRun]) -> None:
    """Draw the lines of a metric; a run and a baseline look the same in the charts of a group."""
    baselines = list(dict.fromkeys(method for run in group for method in run.baselines))
    having = [run for run in group if metric in run.metrics.metrics]
    for number, (name, run) in enumerate(zip(names(group), group, strict=True)):
        if run in having:
            _line(axis, run, metric, MODEL, label=name, linewidth=2.5, marker="o", **look(number))
    for number, method in enumerate(baselines):
        measured = [run for run in having if method in run.baselines]
        finite = [
            r for r in measured if any(math.isfinite(m.mean) for m in _rows(r, metric, method))
        ]
        if finite:
            style = baseline_look(number)
            _line(axis, finite[-1], metric, method, label=method_title(method), **style)
    info = having[0].metrics.metrics[metric]
    unit = "" if info.unit == "1" else f" [{info.unit}]"
    axis.set_ylabel(f"{info.title}{unit}\n{info.better} is better")
    if info.better == "lower":
        axis.set_ylim(bottom=0)
    axis.set_xlabel(f"frame number ({given_frames(group[0].metrics.protocol)})")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)


def _line(axis: Axes, run: EvaluatedRun, metric: str, method: str, **style) -> None:
    rows = _rows(run, metric, method)
    numbers = [row.frame for row in rows]
    (line,) = axis.plot(numbers, _finite(row.mean for row in rows), markersize=4, **style)
    low, high = _finite(row.ci95_low for row in rows), _finite(row.ci95_high for row in rows)
    axis.fill_between(numbers, low, high, color=line.get_color(), alpha=_BAND_ALPHA, linewidth=0)


def _rows(run: EvaluatedRun, metric: str, method: str) -> list[FrameRow]:
    return [row for row in run.frames if (row.metric, row.method) == (metric, method)]


def _finite(values: Iterable[float | None]) -> list[float]:
    """Replace missing and infinite values by NaN, where nothing is drawn."""
    return [v if v is not None and math.isfinite(v) else math.nan for v in values]
