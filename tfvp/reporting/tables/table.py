"""The parts of a table before it is rendered: cells, rows and sections."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from tfvp.evaluation.schema import Estimate, FrameRow

NOTHING = "–"
INFINITE = f"{NOTHING} for a method that predicts a frame exactly: its mean is infinite."
ARROWS = {"higher": "↑", "lower": "↓"}
Kind = Literal["published", "ours", "baseline"]


_OVER_SEEDS = (
    "Of several seeds: the mean of the runs, ± the mean of their intervals over sequences; "
    "seeds ±: 95 % confidence interval of the mean over seeds by Student's t, s: their standard "
    "deviation (ddof 1)."
)


@dataclass(frozen=True)
class Spread:
    """How a number differs between runs that differ in their seed alone."""

    seeds: int
    deviation: float  # ddof 1
    half: float  # half the width of the mean's 95 % interval by Student's t

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Measure it on a number for each seed, of which there are two or more.

        >>> spread = Spread.of([1.0, 2.0, 3.0])
        >>> spread.seeds, spread.deviation, round(spread.half, 4)
        (3, 1.0, 2.4841)
        """
        deviation = float(np.std(values, ddof=1))
        quantile = float(stats.t.ppf(0.975, len(values) - 1))
        return cls(len(values), deviation, quantile * deviation / len(values) ** 0.5)


@dataclass(frozen=True)
class Cell:
    """A text for readers and, for programs, its number with half the width of its 95 % interval."""

    text: str
    value: float | None = None
    half: float | None = None
    sequences: int | None = None  # the count that the number is a mean over
    sign: str = ""  # of its footnote
    spread: Spread | None = None  # over seeds, where the number is a mean over runs

    def __str__(self) -> str:
        """Return the text and its sign, as a reader sees them."""
        return f"{self.text} {self.sign}".strip()

    def signed(self, sign: str) -> "Cell":
        """Return the cell with a sign; a cell without content gets none."""
        return self if self == EMPTY else replace(self, sign=sign)


EMPTY = Cell(NOTHING)


def whole(number: int) -> Cell:
    """Make the cell of a count: `12,898,832`."""
    return Cell(f"{number:,}", number)


def as_printed(text: str) -> Cell:
    """Make the cell of a number with the digits that a document prints."""
    return Cell(text, float(text))


def number(value: float, half: float | None = None, sequences: int | None = None) -> Cell:
    """Make the cell of a number of ours, written to the second digit of half its interval."""
    high = None if half is None else value + half
    return Cell(number_text(value, high), value, half, sequences)


def mean_cell(estimate: Estimate | FrameRow | None, factor: float = 1.0) -> Cell:
    """Make the cell of a mean over sequences times `factor`; EMPTY for None."""
    if estimate is None:
        return EMPTY
    mean = estimate.value if isinstance(estimate, Estimate) else estimate.mean
    high = estimate.ci95_high
    half = None if high is None else (high - mean) * factor
    return number(mean * factor, half, estimate.sequences)


def over_seeds(cells: Sequence[Cell]) -> Cell:
    """Join the cells of runs that differ in their seed: the mean, both intervals, the deviation.

    A number that all runs share, such as that of parameters, stays as it is, and where a run has
    none there is none.
    """
    values = [cell.value for cell in cells if cell.value is not None]
    if len({*values}) == 1 and len(values) == len(cells):
        return cells[0]
    if len(values) < len(cells) or not np.isfinite(values).all():
        return EMPTY
    halves = [cell.half for cell in cells if cell.half is not None]
    half = float(np.mean(halves)) if len(halves) == len(cells) else None
    joined, spread = number(float(np.mean(values)), half, cells[0].sequences), Spread.of(values)
    said = f"{joined.text}, seeds ± {spread.half:.2g} (s {spread.deviation:.2g})"
    return replace(joined, text=said, spread=spread)


def estimate_text(estimate: Estimate) -> str:
    """Write a mean with half its interval, e.g. `59.1 ± 0.8`."""
    return number_text(estimate.value, estimate.ci95_high)


def number_text(mean: float, ci95_high: float | None) -> str:
    """Write a mean to the second digit of half its interval: 59.123, 59.91 -> `59.12 ± 0.79`.

    An infinite mean is NOTHING, which `Table.notes` explains.
    """
    half = 0.0 if ci95_high is None else ci95_high - mean
    if not math.isfinite(mean):
        return NOTHING
    if half <= 0:
        return f"{mean:.4g}"
    decimals = min(max(1 - math.floor(math.log10(half)), 0), 6)
    return f"{mean:.{decimals}f} ± {half:.{decimals}f}"


@dataclass(frozen=True)
class Row:
    """A row of a table; renderers highlight it by its `kind`."""

    cells: tuple[Cell, ...]
    kind: Kind

    @classmethod
    def of(cls, kind: Kind, *cells: Cell | str) -> "Row":
        """Make a row; a text becomes a cell without a number."""
        return cls(tuple(Cell(c) if isinstance(c, str) else c for c in cells), kind)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the text of each cell with its sign."""
        return tuple(map(str, self.cells))


@dataclass(frozen=True)
class Section:
    """Rows under a common heading."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table before it is rendered; a footnote is a sign, which may be empty, and its text."""

    title: str
    columns: tuple[str, ...]
    sections: tuple[Section, ...]
    footnotes: tuple[tuple[str, str], ...]

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """Return the footnotes, and what stands in the place of an infinite mean."""
        cells = (cell for section in self.sections for row in section.rows for cell in row.cells)
        numbers = [cell for cell in cells if cell.value is not None]
        said = {
            INFINITE: any(math.isinf(cell.value or 0.0) for cell in numbers),
            _OVER_SEEDS: any(cell.spread for cell in numbers),
        }
        return (*self.footnotes, *(("", text) for text, needed in said.items() if needed))


def transposed(table: Table) -> Table:
    """Exchange rows and columns, for narrow places."""
    rows = [row for section in table.sections for row in section.rows]
    columns = ("", *(row.texts[0] for row in rows))
    turned = tuple(
        Row.of("published", title, *(row.cells[i] for row in rows))
        for i, title in enumerate(table.columns)
        if i > 0
    )
    return Table(table.title, columns, (Section("", turned),), table.footnotes)
