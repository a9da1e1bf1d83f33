"""The literature's tables in their own order, with our rows where we have them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from tfvp.evaluation.schema import MODEL
from tfvp.reporting.evaluated_run import EvaluatedRun, comparable, method_title, names
from tfvp.reporting.tables.columns import (
    Column,
    Footnotes,
    caveat,
    column_caveat,
    general_footnotes,
)
from tfvp.reporting.tables.published import (
    Correlation,
    PublishedRow,
    PublishedSection,
    PublishedTable,
)
from tfvp.reporting.tables.table import ARROWS, NOTHING, Cell, Kind, Row, Section, Table, whole

DETAILS = ("Steps", "Data", "Sequences", "Seed", "Source")
"""The titles of the last columns, which say how the numbers of a row were made."""


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


def literature_table(published: PublishedTable, runs: Sequence[EvaluatedRun]) -> Table:
    """Make a published table in its own order, with our rows and the baselines on their sequences.

    A number that was measured under another protocol than the table's carries a sign, and a
    footnote says what differs. Runs on another dataset or of another task are left out, and runs
    without a number of the table's metrics.
    """
    dataset = published.protocol["dataset"]
    runs = [r for r in runs if r.metrics.metadata.data_settings.get("dataset") == dataset]
    runs = [run for run in runs if run.task == published.task]
    footnotes, rows = Footnotes(), our_rows(published, runs)
    sections = [
        Section(section.title, tuple(_section_rows(published, section, rows, footnotes)))
        for section in published.sections
    ]
    others = tuple(row.signed(footnotes.sign) for row in rows if row.under is None)
    sections.append(Section("Our other runs", others))
    if published.correlation is None:
        below = tuple(row.signed(footnotes.sign) for row in baseline_rows(published, runs))
        sections.append(Section("Baselines, on our rows' sequences", below))
    texts = general_footnotes(published, runs if rows else [])
    arrows = [f"{m.title} {ARROWS[m.better]}" if m.better else m.title for m in published.metrics]
    return Table(
        title=f"{published.source.table}: {published.title}",
        columns=("Networks" if published.correlation else "Model", *arrows, *DETAILS),
        sections=tuple(section for section in sections if section.rows),
        footnotes=(*footnotes.listed(), *(("", text) for text in texts)),
    )


def concerning(
    tables: Sequence[PublishedTable], runs: Sequence[EvaluatedRun]
) -> list[PublishedTable]:
    """Choose the tables that name one of the runs, or else those on their datasets."""
    datasets = [run.metrics.metadata.data_settings.get("dataset") for run in runs]
    same = [table for table in tables if table.protocol["dataset"] in datasets]
    return [table for table in same if names_a_run(table, runs)] or same


def names_a_run(published: PublishedTable, runs: Sequence[EvaluatedRun]) -> bool:
    """Return whether a row of the table names the configuration of one of the runs."""
    rows = published.rows
    named = {row.ours for row in rows} | {each for row in rows for each in row.pair or ()}
    return any(run.metrics.metadata.config in named for run in runs)


def _section_rows(
    published: PublishedTable,
    section: PublishedSection,
    ours: Sequence[OurRow],
    footnotes: Footnotes,
) -> Iterator[Row]:
    """Return each published row, and under it our runs of the same configuration."""
    for row in section.rows:
        yield _published_row(published, section, row, footnotes)
        yield from (each.signed(footnotes.sign) for each in ours if each.under is row)


def _published_row(
    published: PublishedTable, section: PublishedSection, row: PublishedRow, footnotes: Footnotes
) -> Row:
    numbers = []
    for column in (Column(published, metric) for metric in published.metrics):
        note = column.metric.note or section.note
        text = f"{column.conversion}. {note}" if column.conversion else note
        cell = column.published(row)
        numbers.append(cell if cell.value is None else cell.signed(footnotes.sign(text)))
    name = Cell(row.model).signed(footnotes.sign(row.remark or ""))
    steps = NOTHING if section.steps is None else whole(section.steps)
    table = published.source.table
    source = f"{row.cited}, in {table}" if row.cited else table
    return Row.of("published", name, *numbers, steps, published.data, NOTHING, NOTHING, source)


def our_rows(published: PublishedTable, runs: Sequence[EvaluatedRun]) -> list[OurRow]:
    """Make the rows of runs, or of pairs of runs in a table of pairs; empty rows are left out."""
    if published.correlation is not None:
        rows = list(_rows_of_pairs(published, published.correlation, runs))
    else:
        rows = [_row_of_run(published, run) for run in runs]
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
            correlation.metric in run.metrics.metrics and run.folder.per_sequence_path.exists()
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
