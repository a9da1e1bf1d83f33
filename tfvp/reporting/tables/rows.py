"""Our rows of the literature's tables: runs and their repeats, pairs of networks, baselines."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from tfvp.evaluation.schema import MODEL
from tfvp.reporting.evaluated_run import EvaluatedRun, comparable, method_title, names, repeats
from tfvp.reporting.tables.columns import Column, caveat, column_caveat
from tfvp.reporting.tables.published import Correlation, PublishedRow, PublishedTable
from tfvp.reporting.tables.table import NOTHING, Cell, Kind, Row, over_seeds, whole


@dataclass(frozen=True)
class OurRow:
    """A row of ours whose numbers have no signs yet, but the texts of their footnotes."""

    under: PublishedRow | None  # the published row that it belongs to
    name: str
    numbers: tuple[tuple[Cell, str], ...]
    details: tuple[Cell | str, ...]
    kind: Kind = "ours"

    @property
    def empty(self) -> bool:
        """Return whether none of the table's metrics was measured."""
        return all(cell.value is None for cell, _ in self.numbers)

    def signed(self, sign: Callable[[str], str]) -> Row:
        """Return the row with its signs; `sign` returns the sign of a footnote's text."""
        numbers = (
            cell.signed(sign(text)) if cell.value is not None else cell
            for cell, text in self.numbers
        )
        return Row.of(self.kind, self.name, *numbers, *self.details)


def our_rows(published: PublishedTable, runs: Sequence[EvaluatedRun]) -> list[OurRow]:
    """Make the rows of runs, or of pairs of runs in a table of pairs; empty rows are left out.

    Runs that differ in their seed alone share a row.
    """
    if published.correlation is not None:
        rows = list(_rows_of_pairs(published, published.correlation, runs))
    else:
        rows = [_joined([_row_of_run(published, run) for run in group]) for group in repeats(runs)]
    return [row for row in rows if not row.empty]


def baseline_rows(published: PublishedTable, runs: Sequence[EvaluatedRun]) -> list[OurRow]:
    """Make the rows of the baselines, once for all runs on the same sequences."""
    rows = []
    for group in comparable(runs):
        first = group[0]
        source = f"same sequences as run {', '.join(run.name for run in group)}"
        details = (NOTHING, first.metrics.metadata.data, _sequences(first), NOTHING, source)
        for method in dict.fromkeys(method for run in group for method in run.baselines):
            by_run = [_numbers(published, run, method) for run in group]
            numbers = tuple(_first_measured(column) for column in zip(*by_run, strict=True))
            rows.append(OurRow(None, method_title(method), numbers, details, "baseline"))
    return [row for row in rows if not row.empty]


def _first_measured(numbers: Sequence[tuple[Cell, str]]) -> tuple[Cell, str]:
    """Return a baseline's number, which all runs share, from the first run that measured it."""
    return next((each for each in numbers if each[0].value is not None), numbers[0])


def _row_of_run(published: PublishedTable, run: EvaluatedRun) -> OurRow:
    """Make the row of a run, under the published row of its title or else of its configuration."""
    metadata = run.metrics.metadata
    titled = [row for row in published.rows if row.ours and row.model == metadata.title]
    usual = [row for row in published.rows if row.preset is None]
    configured = [row for row in usual if row.ours == metadata.config]
    name = f"ours: {metadata.title}" + (f", {metadata.label}" if metadata.label else "")
    details = (whole(metadata.steps), metadata.data, _sequences(run), str(metadata.seed))
    under = next(iter(titled + configured), None)
    return OurRow(under, name, _numbers(published, run, MODEL), (*details, f"run {run.name}"))


def _joined(rows: Sequence[OurRow]) -> OurRow:
    """Join the rows of runs that differ in their seed; a single row stays as it is."""
    first = rows[0]
    if len(rows) == 1:
        return first
    columns = [
        list(zip(*column, strict=True)) for column in zip(*(r.numbers for r in rows), strict=True)
    ]
    numbers = tuple(
        (over_seeds(cells), "; ".join(dict.fromkeys(filter(None, texts))))
        for cells, texts in columns
    )
    steps, data, _, seeds, source = (
        [str(detail) for detail in details]
        for details in zip(*(r.details for r in rows), strict=True)
    )
    details = (
        ", ".join(dict.fromkeys(steps)),
        data[0],
        first.details[2],
        ", ".join(seeds),
        f"runs {', '.join(each.removeprefix('run ') for each in source)}",
    )
    return replace(first, name=f"{first.name}, {len(rows)} seeds", numbers=numbers, details=details)


def _rows_of_pairs(
    published: PublishedTable, correlation: Correlation, runs: Sequence[EvaluatedRun]
) -> Iterator[OurRow]:
    """Make the row of every two runs that were measured on the same sequences."""
    for two in combinations(runs, 2):
        pair = _compared(correlation, *two)
        if pair is None:
            continue
        value = rank_correlation(correlation.metric, *pair)
        metadata = [run.metrics.metadata for run in pair]
        configs = sorted(each.config for each in metadata)
        rows = (row for row in published.rows if row.pair and sorted(row.pair) == configs)
        caveats = dict.fromkeys(text for run in pair if (text := caveat(published, run)))
        yield OurRow(
            next(rows, None),
            f"ours: {' and '.join(names(pair))}",
            ((Cell(f"{value:.3f}", value), "; ".join(caveats)),),
            (
                ", ".join(f"{each.steps:,}" for each in metadata),
                metadata[0].data,
                _sequences(pair[0]),
                ", ".join(str(each.seed) for each in metadata),
                f"runs {', '.join(run.name for run in pair)}",
            ),
        )


def _compared(
    correlation: Correlation, first: EvaluatedRun, second: EvaluatedRun
) -> tuple[EvaluatedRun, EvaluatedRun] | None:
    """Return two runs on the table's case, or else on their own test split.

    None where they were not measured on the same sequences with the table's metric.
    """
    on_case = first.on_case(correlation.case), second.on_case(correlation.case)
    for a, b in (on_case, (first, second)):
        if a is None or b is None or len(comparable([a, b])) > 1:
            continue
        if all(
            correlation.metric in run.metrics.metrics and run.sequences_path.exists()
            for run in (a, b)
        ):
            return a, b
    return None


def rank_correlation(metric: str, first: EvaluatedRun, second: EvaluatedRun) -> float:
    """Compute Spearman's rank correlation of two networks' errors over the same sequences.

    The error of a sequence is its mean over the predicted frames; equal errors share their mean
    rank.
    """
    pair = [run.per_sequence(metric).mean(axis=1) for run in (first, second)]
    return float(np.corrcoef([rankdata(errors) for errors in pair])[0, 1])


def _numbers(
    published: PublishedTable, run: EvaluatedRun, method: str
) -> tuple[tuple[Cell, str], ...]:
    """Return the table's metrics of one method, each with the text of its footnote."""
    found = []
    for column in (Column(published, metric) for metric in published.metrics):
        shown = column.evaluation(run)
        cell = column.ours(shown, method) if shown is not None else Cell(NOTHING)
        found.append((cell, column_caveat(column, shown) if shown is not None else ""))
    return tuple(found)


def _sequences(run: EvaluatedRun) -> Cell:
    return whole(run.metrics.protocol.sequences)
