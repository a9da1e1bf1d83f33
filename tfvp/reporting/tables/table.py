"""What a table is before it is rendered, and the tables of runs beside each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tfvp.evaluation.schema import MODEL, FrameRow, MetricInfo
from tfvp.reporting.evaluated_run import Measured, names
from tfvp.reporting.tables.cell import Cell, mean_cell, whole

ARROWS = {"higher": "↑", "lower": "↓"}


Kind = Literal["published", "ours", "baseline"]


@dataclass(frozen=True)
class Row:
    """One line; `kind` decides how it stands out."""

    cells: tuple[Cell, ...]
    kind: Kind

    @classmethod
    def of(cls, kind: Kind, *cells: Cell | str) -> "Row":
        """Make a line; a text is a cell without a number."""
        return cls(tuple(Cell(c) if isinstance(c, str) else c for c in cells), kind)

    @property
    def texts(self) -> tuple[str, ...]:
        """What a reader sees in each cell."""
        return tuple(map(str, self.cells))


@dataclass(frozen=True)
class Section:
    """Lines under a common heading."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table before it is rendered; a note is a sign (may be empty) and its text."""

    title: str
    columns: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[tuple[str, str], ...]


def measured_table(group: Sequence[Measured]) -> Table:
    """Runs measured on the same sequences, and the baselines there.

    Every metric, and the first one at the first and the last frame too; nothing where a run was not
    measured with another's metric.
    """
    protocol = group[0].metrics.protocol
    return Table(
        title=f"{group[0].metrics.metadata.data}, {protocol.sequences:,} test sequences",
        columns=("Method", *metric_columns(group)),
        sections=(Section("", tuple(_method_rows(group))),),
        notes=metric_notes(group),
    )


def metric_columns(group: Sequence[Measured]) -> list[str]:
    """Titles of what `method_row` writes after the name."""
    metrics, protocol = list(metrics_of(group).values()), group[0].metrics.protocol
    numbers = (protocol.first_frame, protocol.first_frame + protocol.predict_frames - 1)
    titles = [f"{m.title} {ARROWS[m.better]}" for m in metrics]
    return [titles[0], *(f"{metrics[0].title}, frame {n}" for n in numbers), *titles[1:]]


def metric_notes(group: Sequence[Measured]) -> tuple[tuple[str, str], ...]:
    """Labels of the runs, definitions of the metrics, and how intervals are made."""
    labels = {each.metrics.metadata.label: None for each in group if each.metrics.metadata.label}
    definitions = [f"{m.title}: {m.definition}" for m in metrics_of(group).values()]
    texts = [*labels, *definitions, f"±: {group[0].metrics.protocol.interval}"]
    return tuple(("", f"{text}.") for text in texts)


def metrics_of(group: Sequence[Measured]) -> dict[str, MetricInfo]:
    """Every metric that one of them was measured with."""
    return {name: m for each in group for name, m in each.metrics.metrics.items()}


def _method_rows(group: Sequence[Measured]) -> Iterator[Row]:
    """The networks, then each baseline once."""
    metrics = list(metrics_of(group))
    for name, each in zip(names(group), group, strict=True):
        yield method_row(name, [each], MODEL, metrics)
    for method in dict.fromkeys(method for each in group for method in each.baselines):
        having = [each for each in group if method in each.baselines]
        yield method_row(method_title(method), having, method, metrics)


def method_row(name: str, measured: Sequence[Measured], method: str, metrics: Sequence[str]) -> Row:
    """One method's mean of every metric, and of the first metric at the first and last frame.

    Args:
        name: the row's first cell.
        measured: evaluations of the method on the same sequences, of which each may have been
            measured with other metrics.
        method: the network or a baseline.
        metrics: names, in the order of the columns.
    """
    edges = [frame_row(measured, method, metrics[0], edge) for edge in ("first", "last")]
    results = {m: value for e in measured for m, value in e.metrics.results[method].items()}
    cells = [mean_cell(results.get(metric)) for metric in metrics]
    kind = "ours" if method == MODEL else "baseline"
    return Row.of(kind, name, cells[0], *map(mean_cell, edges), *cells[1:])


def frame_row(
    measured: Sequence[Measured], method: str, metric: str, edge: Literal["first", "last"]
) -> FrameRow | None:
    """A method's metric at the first or the last predicted frame; None where it was not measured.

    Args:
        measured: evaluations on the same sequences, of which each may have other metrics.
        method: the network or a baseline.
        metric: its name.
        edge: which of the predicted frames.
    """
    protocol = measured[0].metrics.protocol
    frame = protocol.first_frame + (protocol.predict_frames - 1 if edge == "last" else 0)
    rows = (row for each in measured for row in each.frames)
    wanted = (method, metric, frame)
    return next((r for r in rows if (r.method, r.metric, r.frame) == wanted), None)


def by_frame_table(metric: str, group: Sequence[Measured]) -> Table:
    """A metric with a line for each predicted frame and a column for each method."""
    having = [(n, e) for n, e in zip(names(group), group, strict=True) if metric in metrics_of([e])]
    columns = {name: (each, MODEL) for name, each in having}
    for _, each in having:
        for method in each.baselines:
            columns.setdefault(method_title(method), (each, method))
    numbers: dict[int, list[Cell]] = {}
    for each, method in columns.values():
        for row in each.frames:
            if (row.metric, row.method) == (metric, method):
                numbers.setdefault(row.frame, []).append(mean_cell(row))
    facts = having[0][1].metrics.metrics[metric]
    rows = tuple(Row.of("published", whole(frame), *cells) for frame, cells in numbers.items())
    title = f"{facts.title} [{facts.unit}]".removesuffix(" [1]")
    return Table(title, ("Frame", *columns), (Section("", rows),), ())


def transposed(table: Table) -> Table:
    """The same with a column for each row and a row for each column; for narrow places."""
    rows = [row for section in table.sections for row in section.rows]
    columns = ("", *(row.texts[0] for row in rows))
    turned = tuple(
        Row.of("published", title, *(row.cells[i] for row in rows))
        for i, title in enumerate(table.columns)
        if i > 0
    )
    return Table(table.title, columns, (Section("", turned),), table.notes)


def method_title(method: str) -> str:
    """`copy_last_frame` -> `Copy last frame`."""
    return method.replace("_", " ").capitalize()
