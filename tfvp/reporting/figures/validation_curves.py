"""Draws validation errors of runs against updates and seconds, and writes them in one file."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from tfvp.reporting.evaluated_run import EvaluatedRun, names
from tfvp.reporting.figures.style import baseline_look, legend_columns, legend_inches, look
from tfvp.reporting.figures.training_curves import read_log
from tfvp.runs.folder import Run
from tfvp.training.logging.tensorboard import seconds_by_step

CURVE = "curve.csv"  # in the folder of a reference run, which keeps no logs
METRIC = "mse"  # that every validation measures
COPY = "copy_last_frame"
_WIDTH = 10.0
_AXES = {"step": "updates", "seconds": "seconds, validations included"}


class Curve(NamedTuple):
    """The validations of a run; seconds are NaN where nothing tells them."""

    step: list[float]
    seconds: list[float]  # of training so far, however often it was resumed
    mse: list[float]

    @property
    def csv(self) -> str:
        """Return the text of the file that `read_curve` reads."""
        rows = (f"{step:.0f},{s:.6g},{mse:.6g}" for step, s, mse in zip(*self, strict=True))
        return "\n".join([",".join(self._fields), *rows, ""])


def read_curve(run: Run) -> Curve | None:
    """Read the validations of a run from its logs, of a reference run from its CURVE.

    Returns:
        None where there is neither.

    Raises:
        RunError: a file is damaged.
    """
    kept = read_log(run.root / CURVE)
    if kept:
        return Curve(*(kept[name] for name in Curve._fields))
    log = read_log(run.validation_log)
    if METRIC not in log:
        return None
    times = seconds_by_step(run.tensorboard / "train")
    seconds = np.full(len(log["step"]), math.nan)
    if times:
        seconds = np.interp(log["step"], [0, *times], [0.0, *times.values()])
    return Curve(log["step"], seconds.tolist(), log[METRIC])


def validation_figure(group: Sequence[EvaluatedRun]) -> Figure | None:
    """Draw the validation error of each run against its updates, and against seconds.

    A line shows what copying the last frame costs on the test split, which stands for validation's.
    Both axes are logarithmic: budgets differ by orders of magnitude.

    Args:
        group: runs on the same data.

    Returns:
        None where no run has a curve.
    """
    read = [read_curve(Run(run.folder.root)) for run in group]
    curves = {name: c for name, c in zip(names(group), read, strict=True) if c is not None}
    timed = any(math.isfinite(s) for curve in curves.values() for s in curve.seconds)
    axes_of = list(_AXES)[: 1 + timed]
    if not curves:
        return None
    size = _WIDTH, 4.2 + legend_inches(len(curves) + 1, _WIDTH)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(axes_of), sharey=True, squeeze=False).ravel()
    for axis, by in zip(axes, axes_of, strict=True):
        for number, (name, curve) in enumerate(curves.items()):
            axis.plot(getattr(curve, by), curve.mse, label=name, marker=".", **look(number))
        copied = next((c for run in group if (c := _copied(run)) is not None), None)
        if copied is not None:
            style = {**baseline_look(0), "marker": None}
            axis.axhline(copied, label="Copy last frame, test split", **style)
        axis.set(xscale="log", yscale="log", xlabel=_AXES[by])
        axis.grid(alpha=0.3, which="both")
    for ticks in (axes[0].yaxis.set_major_formatter, axes[0].yaxis.set_minor_formatter):
        ticks(LogFormatter())  # 20, not 2 × 10¹
    axes[0].set_ylabel("MSE per frame on validation, lower is better")
    figure.suptitle(group[0].metrics.metadata.data, fontsize="medium")
    handles, labels = axes[0].get_legend_handles_labels()
    columns = legend_columns(len(labels), _WIDTH)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def _copied(run: EvaluatedRun) -> float | None:
    """Return the error of copying the last frame; None: it was not measured."""
    estimate = run.metrics.results.get(COPY, {}).get(METRIC)
    return None if estimate is None else estimate.value
