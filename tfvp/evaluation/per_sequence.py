"""The schema of per_sequence.csv: every metric of every sequence and predicted frame.

A line is one method, metric and sequence: `sequence` is its index in the measured split, from 0, as
in the samples' names; `mean` is over the predicted frames; `frame_11` is the frame's number in the
clip, from 1. Metrics are defined in the metrics.json beside it. Infinity (PSNR of a frame predicted
exactly) is `inf`.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfvp.errors import RunError

HEAD = ("method", "metric", "sequence", "mean")
DIGITS = 9  # significant digits: what a float32 holds

PerFrame = NDArray[np.float64]


class SequenceValues(NamedTuple):
    """The content of the file; `values[method][metric]` is (sequences, predicted frames)."""

    frame_numbers: range  # in the clip, from 1
    values: Mapping[str, Mapping[str, PerFrame]]


def sequences_csv(content: SequenceValues) -> str:
    """Make the text of per_sequence.csv."""
    text = io.StringIO()
    frames = (f"frame_{number}" for number in content.frame_numbers)
    text.write(",".join([*HEAD, *frames]) + "\n")
    for method, by_metric in content.values.items():
        for metric, values in by_metric.items():
            with_mean = np.column_stack([values.mean(axis=1), values])
            form = ",".join([f"%.{DIGITS}g"] * with_mean.shape[1])
            for sequence, row in enumerate(with_mean.tolist()):
                text.write(f"{method},{metric},{sequence},{form % tuple(row)}\n")
    return text.getvalue()


def read_sequences(path: Path) -> SequenceValues:
    """Read a per_sequence.csv.

    Args:
        path: of the file; with .gz at its end, of one that `packed` made.

    Raises:
        RunError: the file is missing, or is not one that an evaluation wrote.
    """
    try:
        text = _text(path)
        reader = csv.reader(io.StringIO(text))
        numbers = _frame_numbers(next(reader, []))
        found: dict[str, dict[str, list[list[float]]]] = {}
        for line in reader:
            _add(found, line, len(numbers))
        if not text.endswith("\n"):  # the digits that are left are a number too
            raise ValueError("is cut short")
    except FileNotFoundError:
        raise RunError(f"{path}: not there; run the evaluate stage on this run first") from None
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RunError(f"{path}: {error}; run the evaluate stage again to write it anew") from None
    values = {m: {name: np.array(v) for name, v in by.items()} for m, by in found.items()}
    return SequenceValues(numbers, values)


def packed(text: str) -> bytes:
    """Compress the text of such a file; the same text gives the same bytes."""
    return gzip.compress(text.encode(), mtime=0)


def _text(path: Path) -> str:
    """Read the file, which is compressed where its name ends in .gz."""
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def _frame_numbers(header: list[str]) -> range:
    """Read the numbers of the predicted frames off the header; raises ValueError."""
    columns = [re.fullmatch(r"frame_(\d+)", name) for name in header[len(HEAD) :]]
    numbers = [int(column[1]) for column in columns if column]
    following = range(numbers[0], numbers[0] + len(numbers)) if numbers else range(0)
    right = tuple(header[: len(HEAD)]) == HEAD and len(numbers) == len(columns)
    if not right or not numbers or list(following) != numbers:
        raise ValueError(f"expected the columns {', '.join(HEAD)} and one for each frame")
    return following


def _add(found: dict[str, dict[str, list[list[float]]]], line: list[str], frames: int) -> None:
    """Add the values of a line; sequences come in order, from 0. Raises ValueError."""
    if len(line) != len(HEAD) + frames:
        raise ValueError(f"expected {len(HEAD) + frames} fields, got {len(line)}: {line[:3]}")
    rows = found.setdefault(line[0], {}).setdefault(line[1], [])
    if int(line[2]) != len(rows):
        raise ValueError(f"expected sequence {len(rows)} of {line[0]}, {line[1]}, got {line[2]}")
    rows.append([float(field) for field in line[len(HEAD) :]])
