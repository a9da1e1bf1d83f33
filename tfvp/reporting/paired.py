"""Compares networks two by two on the same test sequences: differences, intervals, signs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tfvp.evaluation.schema import MODEL
from tfvp.reporting.evaluated_run import EvaluatedRun, names, repeats
from tfvp.reporting.tables.table import NOTHING, Cell, Row, Section, Table

CONFIDENCE = 0.95
DEFINITION = (
    "Gain: how much better the first is than the second, in the metric's unit, on the same test "
    "sequences; of several seeds, of the means over them. Over sequences: 95 % interval by "
    "Student's t of the sequences' differences. Over seeds: 95 % interval by Welch's t of the "
    "seeds' means. Better on: sequences on which the first is better, of those that differ, and "
    "the probability of a split as uneven or more if both were as good (two-sided sign test)."
)

COLUMNS = ("Gain", "Over sequences", "Over seeds", "Better on")
"""The titles of what `gain_cells` makes."""
SIGN = (
    "Sign: + where the interval over sequences, and that over seeds if there is one, lies above 0; "
    "− where below. A sign of one seed says nothing of networks that are trained anew."
)


@dataclass(frozen=True)
class Gain:
    """How much better one network is than another in a metric; above 0: it is better.

    Both networks may have been trained with several seeds. An interval that cannot be computed,
    e.g. over a single seed, is None.
    """

    value: float
    over_sequences: tuple[float, float] | None
    over_seeds: tuple[float, float] | None
    better: int  # sequences
    worse: int
    p: float  # of the two-sided sign test

    @property
    def sign(self) -> int:
        """Return 1 or -1 where all intervals that there are lie above or below 0, else 0."""
        intervals = [each for each in (self.over_sequences, self.over_seeds) if each]
        if intervals and all(low > 0 for low, _ in intervals):
            return 1
        return -1 if intervals and all(high < 0 for _, high in intervals) else 0

    @classmethod
    def of(cls, first: NDArray, second: NDArray, *, higher_is_better: bool) -> "Gain":
        """Compare errors of the same sequences.

        >>> gain = Gain.of(np.array([[1.0, 2.0, 2.0]]), np.array([[2.0, 4.0, 2.0]]),
        ...                higher_is_better=False)
        >>> gain.value, gain.better, gain.worse, gain.p, gain.over_seeds
        (1.0, 2, 0, 0.5, None)

        Args:
            first: of the network that is said to be better, (seeds, sequences).
            second: of the other network, with as many sequences.
            higher_is_better: the direction of the metric.
        """
        sign = 1.0 if higher_is_better else -1.0
        gains = sign * (first.mean(axis=0) - second.mean(axis=0))
        better, worse = int((gains > 0).sum()), int((gains < 0).sum())
        p = stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
        return cls(
            float(gains.mean()),
            _interval_of_mean(gains),
            _interval_over_seeds(sign * first.mean(axis=1), sign * second.mean(axis=1)),
            better,
            worse,
            float(p),
        )


def gain(first: Sequence[EvaluatedRun], second: Sequence[EvaluatedRun], metric: str) -> Gain:
    """Compare two networks in a metric, each a run or its repeats with several seeds.

    Args:
        first: runs of the network that is said to be better.
        second: of the other network, measured on the same sequences.
        metric: the name of the metric; a sequence's error is its mean over the predicted frames.

    Raises:
        RunError: a run's per_sequence.csv is missing or damaged.
    """
    errors = [
        np.stack([run.per_sequence(metric).mean(axis=1) for run in g]) for g in (first, second)
    ]
    better = first[0].metrics.metrics[metric].better
    return Gain.of(*errors, higher_is_better=better == "higher")


def measured_by_sequence(runs: Sequence[EvaluatedRun], metric: str) -> bool:
    """Return whether every run has a finite value of the metric for each sequence."""
    return all(
        metric in run.metrics.metrics
        and run.sequences_path.exists()
        and run.metrics.results[MODEL][metric].infinite == 0
        for run in runs
    )


def gain_of(
    first: Sequence[EvaluatedRun], second: Sequence[EvaluatedRun], metric: str
) -> Gain | None:
    """Return what `gain` does; None where a run has no finite values of the sequences."""
    measured = measured_by_sequence([*first, *second], metric)
    return gain(first, second, metric) if measured else None


def gain_cells(found: Gain | None) -> list[Cell | str]:
    """Make the cells of a comparison under COLUMNS."""
    if found is None:
        return [NOTHING, "no values by sequence", NOTHING, NOTHING]
    differ = found.better + found.worse
    return [
        Cell(f"{found.value:.4g}", found.value),
        _interval_text(found.over_sequences, "one sequence"),
        _interval_text(found.over_seeds, "one seed"),
        f"{found.better:,} of {differ:,}, p {found.p:.2g}",
    ]


def paired_table(group: Sequence[EvaluatedRun], metric: str) -> Table:
    """Make the table of every two networks of a group in a metric; a network may have seeds.

    Args:
        group: runs that were measured on the same sequences.
        metric: the name of the metric; networks that were not measured with it have no row.

    Raises:
        RunError: a file of a run is damaged.
        ConfigError: a run's config.yaml is damaged.
    """
    networks = repeats([run for run in group if metric in run.metrics.metrics])
    titles = [
        title if len(runs) == 1 else f"{title}, {len(runs)} seeds"
        for title, runs in zip(names([runs[0] for runs in networks]), networks, strict=True)
    ]
    rows = []
    for (a, first), (b, second) in combinations(zip(titles, networks, strict=True), 2):
        found = gain_of(first, second, metric)
        sign = NOTHING if found is None else {1: "+", 0: "undecided", -1: "−"}[found.sign]
        rows.append(Row.of("ours", a, b, *gain_cells(found), sign))
    info, metadata = group[0].metrics.metrics[metric], group[0].metrics.metadata
    return Table(
        f"{info.title} run against run: {metadata.data}",
        ("First", "Second", *COLUMNS, "Sign"),
        (Section("", tuple(rows)),),
        (("", DEFINITION), ("", SIGN)),
    )


def _interval_text(interval: tuple[float, float] | None, without: str) -> str:
    return f"{interval[0]:.3g} to {interval[1]:.3g}" if interval else without


def _interval_of_mean(values: NDArray) -> tuple[float, float] | None:
    """Compute the interval of a mean of independent values (N,), by Student's t."""
    if len(values) < 2:
        return None
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1)) * spread / len(values) ** 0.5
    return mean - half, mean + half


def _interval_over_seeds(first: NDArray, second: NDArray) -> tuple[float, float] | None:
    """Compute the interval of the difference of two means, (seeds,) each, by Welch's t."""
    if min(len(first), len(second)) < 2:
        return None
    difference = float(first.mean() - second.mean())
    if first.std() == second.std() == 0:
        return difference, difference
    tested = stats.ttest_ind(first, second, equal_var=False)
    low, high = tested.confidence_interval(CONFIDENCE)
    return float(low), float(high)
