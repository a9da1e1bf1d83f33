"""What a table is before it is rendered, how its numbers are written, and the table of one run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tfvp.evaluation.record import MODEL, Estimate, FrameRow, Metrics, read_metrics
from tfvp.runs import Run

NOTHING = "–"
ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Row:
    """One line; `kind` decides how it stands out."""

    cells: tuple[str, ...]
    kind: Literal["published", "ours", "baseline"]


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


@dataclass(frozen=True)
class Measured:
    """One evaluated run: one row of a table."""

    run: str
    metrics: Metrics


def read_measured(run: Run) -> Measured:
    """Read an evaluated run.

    Raises:
        RunError: the run was not evaluated, or its metrics.json is damaged.
    """
    return Measured(run.name, read_metrics(run.metrics_path))


def run_table(measured: Measured, frames: Sequence[FrameRow]) -> Table:
    """One run and the baselines: every metric, and its first one at the first and last frame."""
    metrics, protocol = measured.metrics.metrics, measured.metrics.protocol
    lead = next(iter(metrics))
    numbers = (protocol.first_frame, protocol.first_frame + protocol.predict_frames - 1)
    at = {(row.method, row.frame): row for row in frames if row.metric == lead}
    rows = []
    for method, results in measured.metrics.results.items():
        edges = [number_text(at[method, n].mean, at[method, n].ci95_high) for n in numbers]
        cells = [estimate_text(results[name]) for name in metrics]
        name = measured.metrics.facts.title if method == MODEL else method_title(method)
        kind = "ours" if method == MODEL else "baseline"
        rows.append(Row((name, cells[0], *edges, *cells[1:]), kind))
    titles = [f"{m.title} {ARROWS[m.better]}" for m in metrics.values()]
    edge_titles = [f"{metrics[lead].title}, frame {n}" for n in numbers]
    definitions = [("", f"{m.title}: {m.definition}.") for m in metrics.values()]
    return Table(
        title=f"{measured.metrics.facts.data}, {protocol.sequences:,} test sequences",
        columns=("Method", titles[0], *edge_titles, *titles[1:]),
        sections=(Section("", tuple(rows)),),
        notes=(*definitions, ("", f"±: {protocol.interval}.")),
    )


def transposed(table: Table) -> Table:
    """The same with a column for each row and a row for each column; for narrow places."""
    rows = [row for section in table.sections for row in section.rows]
    columns = ("", *(row.cells[0] for row in rows))
    turned = tuple(
        Row((title, *(row.cells[i] for row in rows)), "published")
        for i, title in enumerate(table.columns)
        if i > 0
    )
    return Table(table.title, columns, (Section("", turned),), table.notes)


def estimate_text(estimate: Estimate, divisor: int = 1) -> str:
    """Write a mean with half its interval, e.g. `59.1 ± 0.8`, divided by `divisor`."""
    high = None if estimate.ci95_high is None else estimate.ci95_high / divisor
    return number_text(estimate.value / divisor, high)


def number_text(mean: float, ci95_high: float | None) -> str:
    """Write a mean to the second digit of half its interval: 59.123, 59.91 -> `59.12 ± 0.79`."""
    half = 0.0 if ci95_high is None else ci95_high - mean
    if not math.isfinite(mean):
        return "inf"
    if half <= 0:
        return f"{mean:.4g}"
    decimals = min(max(1 - math.floor(math.log10(half)), 0), 6)
    return f"{mean:.{decimals}f} ± {half:.{decimals}f}"


def method_title(method: str) -> str:
    """`copy_last_frame` -> `Copy last frame`."""
    return method.replace("_", " ").capitalize()
