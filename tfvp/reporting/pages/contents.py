"""Collects what a page shows of runs: their numbers, the literature's tables, every figure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfvp.config.loading import leaves
from tfvp.evaluation.schema import Metadata
from tfvp.reporting.evaluated_run import EvaluatedRun, comparable, names, read_evaluated_runs
from tfvp.reporting.figures.figures import Picture, all_pictures, figure_metric
from tfvp.reporting.paired import paired_table
from tfvp.reporting.robustness import Robustness, read_robustness
from tfvp.reporting.tables.literature import concerning, literature_table
from tfvp.reporting.tables.published import load_published
from tfvp.reporting.tables.table import NOTHING, Table
from tfvp.runs.folder import Run


@dataclass(frozen=True)
class Contents:
    """The runs on a page, their evaluations, and the tables and pictures of them."""

    runs: Sequence[Run]
    evaluated: Sequence[EvaluatedRun]
    tables: Sequence[Table]  # of the literature
    paired: Sequence[Table]  # every two of the runs on the same sequences
    suites: Sequence[Robustness]  # of the runs that have one
    pictures: Sequence[Picture]


def read_contents(runs: Sequence[Run], metric: str | None = None) -> Contents:
    """Read evaluated runs and draw their figures; nothing is written.

    Args:
        runs: the runs.
        metric: of the figures that show one; None: that of the runs' published table.

    Raises:
        RunError: a run was not evaluated, or one of its files is damaged.
    """
    evaluated = read_evaluated_runs(runs)
    named = list(zip(names(evaluated), runs, strict=True))
    suites = [suite for name, run in named if (suite := read_robustness(name, run))]
    return Contents(
        runs=runs,
        evaluated=evaluated,
        tables=_tables(evaluated),
        paired=paired_tables(evaluated, metric),
        suites=suites,
        pictures=all_pictures(dict(named), evaluated, suites, metric),
    )


def _tables(runs: Sequence[EvaluatedRun]) -> list[Table]:
    """Make the literature's tables that concern the runs."""
    return [literature_table(table, runs) for table in concerning(load_published().tables, runs)]


def paired_tables(runs: Sequence[EvaluatedRun], metric: str | None = None) -> list[Table]:
    """Make the table of paired comparisons of each group of comparable runs.

    Args:
        runs: the runs.
        metric: what they are compared in; None: the metric of their published table.
    """
    groups = [group for group in comparable(runs) if len(group) > 1]
    tables = [paired_table(group, figure_metric(group, metric)) for group in groups]
    return [table for table in tables if table.sections[0].rows]  # none: seeds of one network


def described(metadata: Metadata) -> Iterator[tuple[str, str]]:
    """Describe what an evaluation's numbers belong to by names and texts, without unknown facts."""
    yield "config", metadata.config
    yield "data", f"{metadata.data}, hash {metadata.data_hash or NOTHING}"
    yield "steps", f"{metadata.steps:,}"
    for key in ("seed", "checkpoint", "weights"):
        yield key, text_of(getattr(metadata, key))
    if (cost := metadata.cost) is not None:
        yield "parameters", f"{cost.parameters:,}"
        yield "multiply-accumulates", f"{cost.macs / 1e9:.4g} G; {cost.macs_definition}"
        if (speed := cost.speed) is not None:
            measured = f"{speed.clips} clips, {speed.batch} at once, on {speed.device}"
            yield "clips a second", f"{speed.clips_per_second:.4g}; {measured}; {speed.definition}"
    if (other := metadata.trained_on) is not None:
        label = f", {other.label}" if other.label else ""
        yield "trained on", f"{other.data}, hash {other.data_hash}{label}"
    for key, value in leaves(metadata.model_extra or {}):
        if value is not None:
            yield key.rpartition(".")[2].replace("_", " "), text_of(value)


def text_of(value: Any) -> str:
    """Write a setting or a fact: a text as it is, anything else as JSON with six digits."""
    return value if isinstance(value, str) else json.dumps(_rounded(value), ensure_ascii=False)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
