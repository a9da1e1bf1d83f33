"""What a page shows of runs: their numbers, the literature's tables, every figure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tfvp.reporting.evaluated_run import Measured, names, read_measured
from tfvp.reporting.figures.figures import Picture, all_pictures
from tfvp.reporting.robustness import Robustness, read_robustness
from tfvp.reporting.tables.literature import literature_table, names_a_run
from tfvp.reporting.tables.published import load_published
from tfvp.reporting.tables.table import Table
from tfvp.runs.folder import Run


@dataclass(frozen=True)
class Contents:
    """Runs, one evaluation each, and what is drawn of them."""

    runs: Sequence[Run]
    measured: Sequence[Measured]
    tables: Sequence[Table]  # of the literature
    suites: Sequence[Robustness]  # of the runs that have one
    pictures: Sequence[Picture]


def read_contents(runs: Sequence[Run]) -> Contents:
    """Read evaluated runs and draw their figures; nothing is written.

    Raises:
        RunError: a run was not evaluated, or one of its files is damaged.
    """
    measured = [read_measured(run) for run in runs]
    named = list(zip(names(measured), runs, strict=True))
    suites = [suite for name, run in named if (suite := read_robustness(name, run))]
    return Contents(
        runs=runs,
        measured=measured,
        tables=_tables(measured),
        suites=suites,
        pictures=all_pictures(dict(named), measured, suites),
    )


def _tables(measured: Sequence[Measured]) -> list[Table]:
    """The literature's tables that name one of the runs, else all on their datasets."""
    datasets = [each.metrics.metadata.data_settings.get("dataset") for each in measured]
    tables = [t for t in load_published().tables if t.protocol["dataset"] in datasets]
    tables = [t for t in tables if names_a_run(t, measured)] or tables
    return [literature_table(table, measured) for table in tables]
