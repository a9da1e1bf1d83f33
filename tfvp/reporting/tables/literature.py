"""The literature's tables in their own order, with our rows where we have them."""

from collections.abc import Iterator, Sequence

from tfvp.reporting.evaluated_run import EvaluatedRun
from tfvp.reporting.tables.columns import Column, Footnotes, general_footnotes
from tfvp.reporting.tables.published import PublishedRow, PublishedSection, PublishedTable
from tfvp.reporting.tables.rows import OurRow, baseline_rows, our_rows
from tfvp.reporting.tables.table import ARROWS, NOTHING, Cell, Row, Section, Table, whole

DETAILS = ("Steps", "Data", "Sequences", "Seed", "Source")
"""The titles of the last columns, which say how the numbers of a row were made."""


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
