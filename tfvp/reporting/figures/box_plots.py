"""Draws how errors spread over test sequences, and how alike two models find them hard."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from tfvp.evaluation.schema import MODEL
from tfvp.reporting.evaluated_run import Measured

_PANELS = ("all predicted frames", "first predicted frame", "last predicted frame")


def box_figure(metric: str, measured: Mapping[str, Measured]) -> Figure:
    """Draw box plots of the error of each sequence: over all, the first and the last frame.

    Boxes are quartiles, whiskers reach the last sequence within 1.5 of their distance, points are
    the sequences beyond, as Feist 2021 (figures 4.1 to 4.3).

    Args:
        metric: its name; whoever was not measured with it has no box.
        measured: what each box is called (a model, a test set or both) -> the evaluation.
    """
    shown = {name: each for name, each in measured.items() if metric in each.metrics.metrics}
    figure = Figure(figsize=(9, 1.6 + 0.5 * len(shown)), layout="constrained")
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    values = [per_sequence(metric, each) for each in shown.values()]
    for axis, title, pick in zip(axes, _PANELS, (None, 0, -1), strict=True):
        picked = [v.mean(axis=1) if pick is None else v[:, pick] for v in values]
        axis.boxplot(
            [v[np.isfinite(v)] for v in picked],
            tick_labels=list(shown),
            orientation="horizontal",
            flierprops={"marker": ".", "markersize": 3},
        )
        axis.set_title(title, fontsize="medium")
        axis.grid(axis="x", alpha=0.3)
    axes[0].invert_yaxis()  # the first on top
    facts = next(iter(shown.values())).metrics.metrics[metric]
    figure.supxlabel(f"{facts.title} of a sequence, {facts.better} is better")
    return figure


def per_sequence(metric: str, measured: Measured) -> NDArray[np.float64]:
    """A metric of the network, (sequences, predicted frames)."""
    return measured.sequences.values[MODEL][metric]


def rank_correlation(metric: str, first: Measured, second: Measured) -> float:
    """Spearman's rank correlation of two models' errors over the same sequences.

    Of each sequence's mean over its predicted frames; equal errors share their mean rank.
    """
    pair = [per_sequence(metric, each).mean(axis=1) for each in (first, second)]
    return float(np.corrcoef([rankdata(errors) for errors in pair])[0, 1])


def pairs(group: Sequence[Measured]) -> list[tuple[Measured, Measured]]:
    """Every two of them, in order."""
    return [(a, b) for i, a in enumerate(group) for b in group[i + 1 :]]
