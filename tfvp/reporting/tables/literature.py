"""The literature's tables in their own order, with our rows where we have them."""

from collections.abc import Sequence

from tfvp.reporting.evaluated_run import Measured
from tfvp.reporting.tables.cell import NOTHING, Cell, whole
from tfvp.reporting.tables.columns import Column
from tfvp.reporting.tables.footnotes import Notes, general_notes
from tfvp.reporting.tables.our_rows import Line, baseline_lines, our_lines
from tfvp.reporting.tables.published import PublishedRow, PublishedSection, PublishedTable
from tfvp.reporting.tables.table import ARROWS, Row, Section, Table

FACTS = ("Steps", "Data", "Sequences", "Seed", "Source")


def literature_table(published: PublishedTable, measured: Sequence[Measured]) -> Table:
    """A published table in its own order, with our rows and the baselines on the same sequences.

    A number that was measured under another protocol than the table's carries a sign, and a note
    says what differs. Runs on another dataset are left out, and those without a number of the
    table's metrics.
    """
    dataset = published.protocol["dataset"]
    ours = [m for m in measured if m.metrics.metadata.data_settings.get("dataset") == dataset]
    notes, lines = Notes(), our_lines(published, ours)
    sections = [
        Section(section.title, tuple(_section_rows(published, section, lines, notes)))
        for section in published.sections
    ]
    others = tuple(line.row(notes.sign) for line in lines if line.under is None)
    sections.append(Section("Our other runs", others))
    if published.correlation is None:
        below = tuple(line.row(notes.sign) for line in baseline_lines(published, ours))
        sections.append(Section("Baselines, on our rows' sequences", below))
    texts = general_notes(published, ours if lines else [])
    arrows = [f"{m.title} {ARROWS[m.better]}" if m.better else m.title for m in published.metrics]
    return Table(
        title=f"{published.source.table}: {published.title}",
        columns=("Networks" if published.correlation else "Model", *arrows, *FACTS),
        sections=tuple(section for section in sections if section.rows),
        notes=(*notes.listed(), *(("", text) for text in texts)),
    )


def names_a_run(published: PublishedTable, measured: Sequence[Measured]) -> bool:
    """Whether one of the table's rows is that of a run's configuration."""
    rows = published.rows
    named = {row.ours for row in rows} | {each for row in rows for each in row.pair or ()}
    return any(each.metrics.metadata.config in named for each in measured)


def _section_rows(
    published: PublishedTable, section: PublishedSection, lines: Sequence[Line], notes: Notes
) -> list[Row]:
    """Each published row, and under it our runs of the same configuration."""
    rows = []
    for line in section.rows:
        rows.append(_published_row(published, section, line, notes))
        rows += [ours.row(notes.sign) for ours in lines if ours.under is line]
    return rows


def _published_row(
    published: PublishedTable, section: PublishedSection, line: PublishedRow, notes: Notes
) -> Row:
    numbers = []
    for column in (Column(published, metric) for metric in published.metrics):
        said = column.metric.note or section.note
        text = f"{column.conversion}. {said}" if column.conversion else said
        cell = column.published(line)
        numbers.append(cell if cell.value is None else cell.signed(notes.sign(text)))
    name = Cell(line.model).signed(notes.sign(line.remark or ""))
    steps = NOTHING if section.steps is None else whole(section.steps)
    table = published.source.table
    source = f"{line.cited}, in {table}" if line.cited else table
    return Row.of("published", name, *numbers, steps, published.data, NOTHING, NOTHING, source)
