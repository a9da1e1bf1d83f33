"""Our lines in a published table: runs, pairs of runs, and the baselines on their sequences."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tfvp.evaluation.schema import MODEL
from tfvp.reporting.evaluated_run import Measured, comparable, names
from tfvp.reporting.figures.box_plots import pairs, rank_correlation
from tfvp.reporting.tables.cell import NOTHING, Cell, whole
from tfvp.reporting.tables.columns import Column, caveat, column_caveat
from tfvp.reporting.tables.published import Correlation, PublishedRow, PublishedTable
from tfvp.reporting.tables.table import Kind, Row, method_title


@dataclass(frozen=True)
class Line:
    """A line whose numbers have no signs yet, but the texts that the signs will stand for."""

    under: PublishedRow | None  # the published row that it belongs to
    name: str
    numbers: tuple[tuple[Cell, str], ...]
    facts: tuple[Cell | str, ...]
    kind: Kind = "ours"

    @property
    def empty(self) -> bool:
        """Whether nothing of the table's metrics was measured."""
        return all(cell.value is None for cell, _ in self.numbers)

    def row(self, sign: Callable[[str], str]) -> Row:
        """The line with its signs: `sign` gives that of a text."""
        signed = (
            cell.signed(sign(text)) if cell.value is not None else cell
            for cell, text in self.numbers
        )
        return Row.of(self.kind, self.name, *signed, *self.facts)


def our_lines(published: PublishedTable, ours: Sequence[Measured]) -> list[Line]:
    """Runs, or pairs of runs in a table of pairs; those without a number are left out."""
    if published.correlation is not None:
        lines = list(_of_pairs(published, published.correlation, ours))
    else:
        lines = [_of_run(published, measured) for measured in ours]
    return [line for line in lines if not line.empty]


def baseline_lines(published: PublishedTable, ours: Sequence[Measured]) -> list[Line]:
    """The baselines of each set of sequences, once for all runs that were measured on it."""
    lines = []
    for group in comparable(ours):
        first = group[0]
        source = f"same sequences as run {', '.join(m.run for m in group)}"
        facts = (NOTHING, first.metrics.metadata.data, _count(first), NOTHING, source)
        for method in dict.fromkeys(method for each in group for method in each.baselines):
            by_run = [_numbers(published, each, method) for each in group]
            numbers = tuple(_first_measured(column) for column in zip(*by_run, strict=True))
            lines.append(Line(None, method_title(method), numbers, facts, "baseline"))
    return [line for line in lines if not line.empty]


def _first_measured(numbers: Sequence[tuple[Cell, str]]) -> tuple[Cell, str]:
    """The same number as several runs have it, who may not all have measured it."""
    return next((each for each in numbers if each[0].value is not None), numbers[0])


def row_of(published: PublishedTable, measured: Measured) -> PublishedRow | None:
    """The published row that a run stands under: that of its title, else of its configuration."""
    facts = measured.metrics.metadata
    titled = [row for row in published.rows if row.ours and row.model == facts.title]
    configured = [row for row in published.rows if row.ours == facts.config]
    return next(iter(titled + configured), None)


def _of_run(published: PublishedTable, measured: Measured) -> Line:
    facts = measured.metrics.metadata
    name = f"ours: {facts.title}" + (f", {facts.label}" if facts.label else "")
    told = (whole(facts.steps), facts.data, _count(measured), str(facts.seed))
    numbers = _numbers(published, measured, MODEL)
    return Line(row_of(published, measured), name, numbers, (*told, f"run {measured.run}"))


def _of_pairs(
    published: PublishedTable, correlation: Correlation, ours: Sequence[Measured]
) -> Iterator[Line]:
    """Every two runs that were measured on the same sequences."""
    for runs in pairs(ours):
        both = _compared(correlation, *runs)
        if both is None:
            continue
        value = rank_correlation(correlation.metric, *both)
        facts = [each.metrics.metadata for each in both]
        yield Line(
            _row_of_pair(published, [each.config for each in facts]),
            f"ours: {' and '.join(names(both))}",
            ((Cell(f"{value:.3f}", value), _caveats(published, both)),),
            (
                ", ".join(f"{each.steps:,}" for each in facts),
                facts[0].data,
                _count(both[0]),
                ", ".join(str(each.seed) for each in facts),
                f"runs {', '.join(each.run for each in both)}",
            ),
        )


def _compared(
    correlation: Correlation, first: Measured, second: Measured
) -> tuple[Measured, Measured] | None:
    """Two runs on the case that is asked for, else on their own test split; None: on neither."""
    on_case = first.on_case(correlation.case), second.on_case(correlation.case)
    for a, b in (on_case, (first, second)):
        if a is None or b is None or len(comparable([a, b])) > 1:
            continue
        if all(
            correlation.metric in each.metrics.metrics and each.folder.per_sequence_path.exists()
            for each in (a, b)
        ):
            return a, b
    return None


def _row_of_pair(published: PublishedTable, configs: list[str]) -> PublishedRow | None:
    found = (row for row in published.rows if row.pair and sorted(row.pair) == sorted(configs))
    return next(found, None)


def _caveats(published: PublishedTable, both: Sequence[Measured]) -> str:
    return "; ".join(dict.fromkeys(text for m in both if (text := caveat(published, m))))


def _numbers(
    published: PublishedTable, measured: Measured, method: str
) -> tuple[tuple[Cell, str], ...]:
    """The table's metrics of one method, each with what must be said of it."""
    found = []
    for column in (Column(published, metric) for metric in published.metrics):
        shown = column.measured(measured)
        cell = column.ours(shown, method) if shown is not None else Cell(NOTHING)
        found.append((cell, column_caveat(column, shown) if shown is not None else ""))
    return tuple(found)


def _count(measured: Measured) -> Cell:
    return whole(measured.metrics.protocol.sequences)
