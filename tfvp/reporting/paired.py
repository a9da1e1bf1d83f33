"""Compares two networks on the same test sequences: the difference, its intervals, the signs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tfvp.evaluation.schema import MODEL
from tfvp.reporting.evaluated_run import EvaluatedRun

CONFIDENCE = 0.95
DEFINITION = (
    "Gain: how much better the first is than the second, in the metric's unit, on the same test "
    "sequences; of several seeds, of the means over them. Over sequences: 95 % interval by "
    "Student's t of the sequences' differences. Over seeds: 95 % interval by Welch's t of the "
    "seeds' means. Better on: sequences on which the first is better, of those that differ, and "
    "the probability of a split as uneven or more if both were as good (two-sided sign test)."
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
        and run.folder.per_sequence_path.exists()
        and run.metrics.results[MODEL][metric].infinite == 0
        for run in runs
    )


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
