"""Writes training's logs: CSV files with one row a logged step, and the same for TensorBoard."""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tfvp.runs.folder import Run
from tfvp.system.files import write_text
from tfvp.training.logging.tensorboard import EventFile

_SHORT = {  # on the console
    "learning_rate": "rate",
    "truth_probability": "truth",
    "context_truth_probability": "context truth",
}


class TrainingLogs:
    """The logs of one run; a resumed run drops what lies after the step it goes on from.

    Args:
        run: the run whose folder the files are in.
        start_step: the number of steps taken so far.
        parts: the names of the loss's parts.
        scheduled: the names of what follows a schedule, see `schedules.scheduled`.
        validated: the names of the metrics of a validation.
    """

    def __init__(
        self,
        run: Run,
        start_step: int,
        *,
        parts: Iterable[str],
        scheduled: Iterable[str],
        validated: Iterable[str],
    ):
        run.logs.mkdir(exist_ok=True)
        columns = ("step", "loss", *parts, *scheduled)
        self.train = _Table(run.train_log, columns, start_step)
        self.validation = _Table(run.validation_log, ("step", *validated), start_step)
        self.train_events = EventFile(run.tensorboard / "train", start_step)
        self.validation_events = EventFile(run.tensorboard / "validation", start_step)

    def write_train(self, row: Mapping[str, float], extra: Mapping[str, float]) -> None:
        """Log a training step; `extra` goes to TensorBoard alone, as times differ between runs."""
        self.train.append(row)
        _add_scalars(self.train_events, {**row, **extra})

    def write_validation(self, row: Mapping[str, float], pictures: Mapping[str, bytes]) -> None:
        """Log a validation; its pictures (PNG) go to TensorBoard alone."""
        self.validation.append(row)
        _add_scalars(self.validation_events, row)
        self.validation_events.pictures(int(row["step"]), pictures)

    def sync(self) -> None:
        """Have every row on the disk, before a checkpoint says that its step is done."""
        for log in (self.train, self.validation, self.train_events, self.validation_events):
            log.sync()

    def close(self) -> None:
        """Write everything out."""
        self.train_events.close()
        self.validation_events.close()


def in_one_line(row: Mapping[str, float], parts: Iterable[str], clips_per_s: float) -> str:
    """Describe a step in one line.

    Args:
        row: its values by column of the log.
        parts: the columns of the loss and its parts.
        clips_per_s: the clips trained on in a second.

    >>> row = {"step": 7, "loss": 31.25, "l1": 20, "l2": 11.25, "learning_rate": 0.001}
    >>> in_one_line(row | {"truth_probability": 0.5}, ("loss", "l1", "l2"), 12)
    'loss 31.25 (l1 20, l2 11.25), rate 0.001, truth 0.5, 12 clips/s'
    """
    parts = [name for name in parts if name != "loss"]
    inside = ", ".join(f"{name} {row[name]:.4g}" for name in parts)
    said = [f"loss {row['loss']:.4g}" + (f" ({inside})" if len(parts) > 1 else "")]
    others = [name for name in row if name not in ("step", "loss", *parts)]
    said += [f"{_SHORT.get(name, name)} {row[name]:.3g}" for name in others]
    return ", ".join([*said, f"{clips_per_s:.3g} clips/s"])


def _add_scalars(events: EventFile, row: Mapping[str, float]) -> None:
    events.scalars(int(row["step"]), {name: v for name, v in row.items() if name != "step"})


class _Table:
    """A CSV file that is only added to, after rows beyond `start_step` were dropped."""

    def __init__(self, path: Path, columns: tuple[str, ...], start_step: int):
        self.path = path
        self.columns = columns
        written = path.read_text(encoding="utf-8") if path.is_file() else ""
        whole = written[: written.rfind("\n") + 1]  # the last line may have been cut short
        rows = [r for r in csv.DictReader(io.StringIO(whole)) if int(r["step"]) <= start_step]
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

    def sync(self) -> None:
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
