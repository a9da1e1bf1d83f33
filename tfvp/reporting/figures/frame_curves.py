"""Draws error against frame number for runs that were measured on the same sequences."""

import math
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfvp.evaluation.schema import MODEL, FrameRow
from tfvp.reporting.evaluated_run import EvaluatedRun, given_frames, method_title, names
from tfvp.reporting.figures.style import baseline_look, legend_columns, legend_inches, look

_WIDTH = 8.0
_BAND_ALPHA = 0.15


def frame_figure(metric: str, group: Sequence[EvaluatedRun]) -> Figure:
    """Draw a metric against the frame number, networks and baselines, with 95 % bands.

    A baseline whose means are all infinite (PSNR of frames that it predicts exactly) has no line.

    Args:
        metric: the name of the metric; runs that were not measured with it have no line.
        group: runs that were measured on the same sequences.
    """
    shown = [run for run in group if metric in run.metrics.metrics]
    protocol = group[0].metrics.protocol
    baselines = {
        method: run
        for run in shown
        for method in run.baselines
        if any(math.isfinite(row.mean) for row in _rows(run, metric, method))
    }
    entries = len(shown) + len(baselines)
    figure = Figure(figsize=(_WIDTH, 4.5 + legend_inches(entries, _WIDTH)), layout="constrained")
    axis = figure.subplots()
    for number, (name, run) in enumerate(zip(names(shown), shown, strict=True)):
        _line(axis, run, metric, MODEL, label=name, linewidth=2.5, marker="o", **look(number))
    for number, (method, run) in enumerate(baselines.items()):
        _line(axis, run, metric, method, label=method_title(method), **baseline_look(number))
    info = shown[0].metrics.metrics[metric]
    unit = "" if info.unit == "1" else f" [{info.unit}]"
    axis.set_ylabel(f"{info.title}{unit}, {info.better} is better")
    if info.better == "lower":
        axis.set_ylim(bottom=0)
    axis.set_xlabel(f"frame number ({given_frames(protocol)})")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    data = group[0].metrics.metadata.data
    axis.set_title(f"{data}\n{protocol.sequences:,} test sequences, bands: 95 % interval")
    figure.legend(loc="outside lower center", ncols=legend_columns(entries, _WIDTH))
    return figure


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
