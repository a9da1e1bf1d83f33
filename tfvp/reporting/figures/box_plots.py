"""Draws how the errors of runs spread over test sequences."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from tfvp.evaluation.schema import ENTROPY_BOUND
from tfvp.reporting.evaluated_run import EvaluatedRun

_PANELS = {"all {} frames": None, "first {} frame": 0, "last {} frame": -1}


def box_figure(metric: str, runs: Mapping[str, EvaluatedRun]) -> Figure:
    """Draw box plots of each sequence's error in three panels: all, the first and the last frame.

    Boxes are quartiles, whiskers reach the last sequence within 1.5 of their distance, and points
    are the sequences beyond, as in Feist 2021 (figures 4.1 to 4.3). Where all boxes are of the same
    sequences, a line shows the mean bound of the cross entropy.

    Args:
        metric: the name of the metric; a run that was not measured with it has no box.
        runs: the name of each box (of a model, a test set or both) -> the evaluated run.
    """
    shown = {name: run for name, run in runs.items() if metric in run.metrics.metrics}
    first = next(iter(shown.values()))
    figure = Figure(figsize=(9, 1.6 + 0.5 * len(shown)), layout="constrained")
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    values = [run.per_sequence(metric) for run in shown.values()]
    same = len({run.metrics.metadata.data_hash for run in shown.values()}) == 1
    bound = first.sequences.values.get(ENTROPY_BOUND, {}).get(metric) if same else None
    for axis, (title, pick) in zip(axes, _PANELS.items(), strict=True):
        picked = [v.mean(axis=1) if pick is None else v[:, pick] for v in values]
        axis.boxplot(
            [v[np.isfinite(v)] for v in picked],
            tick_labels=list(shown),
            orientation="horizontal",
            # the axis is shared, and every panel would write the names over the others'
            manage_ticks=axis is axes[0],
            flierprops={"marker": ".", "markersize": 3},
        )
        if bound is not None:
            mean = float(bound.mean() if pick is None else bound[:, pick].mean())
            axis.axvline(mean, color="gray", linestyle=":", label="entropy bound")
            axis.legend(fontsize="small", loc="lower right")
        axis.set_title(title.format(made(first)), fontsize="medium")
        axis.grid(axis="x", alpha=0.3)
    axes[0].invert_yaxis()  # the first on top
    info = first.metrics.metrics[metric]
    figure.supxlabel(f"{info.title} of a sequence, {info.better} is better")
    return figure


def made(run: EvaluatedRun) -> str:
    """Say what the network did to the frames that were measured: predicted or reconstructed."""
    return "reconstructed" if run.task == "reconstruction" else "predicted"
