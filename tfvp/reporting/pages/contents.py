"""Collects what a page shows of runs: their numbers, the literature's tables, every figure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfvp.reporting.evaluated_run import EvaluatedRun, names, read_evaluated_runs
from tfvp.reporting.figures.figures import Picture, all_pictures
from tfvp.reporting.robustness import Robustness, read_robustness
from tfvp.reporting.tables.literature import concerning, literature_table
from tfvp.reporting.tables.published import load_published
from tfvp.reporting.tables.table import Table
from tfvp.runs.folder import Run


@dataclass(frozen=True)
class Contents:
    """The runs on a page, their evaluations, and the tables and pictures of them."""

    runs: Sequence[Run]
    evaluated: Sequence[EvaluatedRun]
    tables: Sequence[Table]  # of the literature
    suites: Sequence[Robustness]  # of the runs that have one
    pictures: Sequence[Picture]


def read_contents(runs: Sequence[Run]) -> Contents:
    """Read evaluated runs and draw their figures; nothing is written.

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
        suites=suites,
        pictures=all_pictures(dict(named), evaluated, suites),
    )


def _tables(runs: Sequence[EvaluatedRun]) -> list[Table]:
    """Make the literature's tables that concern the runs."""
    return [literature_table(table, runs) for table in concerning(load_published().tables, runs)]


def text_of(value: Any) -> str:
    """Write a setting or a piece of metadata: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
