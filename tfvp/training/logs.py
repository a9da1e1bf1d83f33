"""What training writes down: CSV files with one row a logged step, and the same for TensorBoard."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfvp.runs import Run, write_text

VALIDATION_COLUMNS = ("step", "mse")


class TrainingLogs:
    """The logs of one run; a resumed run drops what lies after the step it goes on from.

    Args:
        run: where they are written.
        start_step: steps done so far.
        parts: names of the loss's parts.
    """

    def __init__(self, run: Run, start_step: int, parts: Iterable[str]):
        import tensorflow as tf

        run.logs.mkdir(exist_ok=True)
        columns = ("step", "loss", *parts, "learning_rate", "truth_probability")
        self.train = _Table(run.train_log, columns, start_step)
        self.validation = _Table(run.validation_log, VALIDATION_COLUMNS, start_step)
        self._summary: Any = tf.summary
        self._writers = {
            table: tf.summary.create_file_writer(str(run.tensorboard / table))
            for table in ("train", "validation")
        }

    def write_train(self, row: Mapping[str, float], extra: Mapping[str, float]) -> None:
        """Log a training step; `extra` goes to TensorBoard alone (times differ between runs)."""
        self.train.append(row)
        self._scalars("train", {**row, **extra})

    def write_validation(self, row: Mapping[str, float]) -> None:
        """Log a validation."""
        self.validation.append(row)
        self._scalars("validation", row)

    def _scalars(self, table: str, row: Mapping[str, float]) -> None:
        with self._writers[table].as_default(step=int(row["step"])):
            for name, value in row.items():
                if name != "step":
                    self._summary.scalar(name, value)
        self._writers[table].flush()

    def close(self) -> None:
        """Write everything out."""
        for writer in self._writers.values():
            writer.close()


class _Table:
    """A CSV file that is only added to, after rows beyond `start_step` were dropped."""

    def __init__(self, path: Path, columns: tuple[str, ...], start_step: int):
        self.path = path
        self.columns = columns
        rows = []
        if path.is_file():
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= start_step]
        text = io.StringIO()
        # With --force the loss may have other parts than before: what a row lacks stays empty.
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())

    def append(self, row: Mapping[str, float]) -> None:
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns, lineterminator="\n")
            writer.writerow({name: row[name] for name in self.columns})
