"""What stands in a place of a table: a text, and the number behind it where there is one."""

import math
from dataclasses import dataclass, replace

from tfvp.evaluation.schema import Estimate, FrameRow

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """A text for readers; for programs its number, half its 95 % interval and its count."""

    text: str
    value: float | None = None
    half: float | None = None
    sequences: int | None = None  # that the number is a mean over
    sign: str = ""  # of the note that holds for it

    def __str__(self) -> str:
        """What a reader sees: the text and its sign."""
        return f"{self.text} {self.sign}".strip()

    def signed(self, sign: str) -> "Cell":
        """The same with a sign; nothing needs none."""
        return self if self.text == NOTHING else replace(self, sign=sign)


EMPTY = Cell(NOTHING)


def whole(number: int) -> Cell:
    """A count: `12,898,832`."""
    return Cell(f"{number:,}", number)


def as_printed(text: str) -> Cell:
    """A number as a document prints it."""
    return Cell(text, float(text))


def number(value: float, half: float | None = None, sequences: int | None = None) -> Cell:
    """A number of ours, to the second digit of half its interval."""
    high = None if half is None else value + half
    return Cell(number_text(value, high), value, half, sequences)


def mean_cell(estimate: Estimate | FrameRow | None, factor: float = 1.0) -> Cell:
    """A mean over sequences times `factor`, with half its interval; nothing for None."""
    if estimate is None:
        return EMPTY
    mean = estimate.value if isinstance(estimate, Estimate) else estimate.mean
    high = estimate.ci95_high
    half = None if high is None else (high - mean) * factor
    return number(mean * factor, half, estimate.sequences)


def estimate_text(estimate: Estimate) -> str:
    """Write a mean with half its interval, e.g. `59.1 ± 0.8`."""
    return number_text(estimate.value, estimate.ci95_high)


def number_text(mean: float, ci95_high: float | None) -> str:
    """Write a mean to the second digit of half its interval: 59.123, 59.91 -> `59.12 ± 0.79`."""
    half = 0.0 if ci95_high is None else ci95_high - mean
    if not math.isfinite(mean):
        return "inf"
    if half <= 0:
        return f"{mean:.4g}"
    decimals = min(max(1 - math.floor(math.log10(half)), 0), 6)
    return f"{mean:.{decimals}f} ± {half:.{decimals}f}"
