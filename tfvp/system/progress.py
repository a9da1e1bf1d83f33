"""Shows the progress of long work: a bar with an estimate on a terminal, else some lines."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

SECONDS_BETWEEN_LINES = 15.0
RECENT = 8  # lines, whose pace is that of what is left: other work on the machine comes and goes
WIDE_COLUMNS = 120


class Progress:
    """The progress of one piece of work, which `progress` shows.

    Args:
        console: where it is shown.
        title: what is being done.
        total: how many units of work there are.
        done: how many of them were done before.
        bar: the bar of the work that this is a part of; None: one of its own.
    """

    def __init__(
        self,
        console: Console,
        title: str,
        total: int,
        done: int = 0,
        bar: RichProgress | None = None,
    ):
        self.console = console
        self.title = title
        self.total = total
        self.done = done
        self._lock = threading.Lock()
        self.last_line = time.monotonic()
        self._lines = deque([(self.last_line, done)], maxlen=RECENT)
        # On a narrow terminal the note is folded: what is done and the time left stay whole.
        self.bar = bar or RichProgress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=24 if console.width >= WIDE_COLUMNS else 8),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[note]}", table_column=Column(no_wrap=False)),
            console=console,
            transient=True,
        )
        self.task = self.bar.add_task(title, total=total, completed=done, note="")

    def update(self, done: int, note: str = "") -> None:
        """Show that `done` units are done by now.

        Without a terminal a line is printed at most every SECONDS_BETWEEN_LINES, and at the end.

        Args:
            done: the units done so far, those done before included.
            note: a text shown beside them, e.g. the loss.
        """
        self.done = done
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, note=note)
        elif time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES or done == self.total:
            self.last_line = time.monotonic()
            left = self._seconds_left()
            tail = "" if done == self.total else f", about {in_words(left)} left"
            self.console.print(f"{self.title}: {done}/{self.total} {note}{tail}", highlight=False)

    def advance(self) -> None:
        """Count one more unit as done; several threads may call this at a time."""
        with self._lock:
            self.update(self.done + 1)

    def say(self, text: str) -> None:
        """Print a line that stays on the terminal, above the bar."""
        self.console.print(text, highlight=False, markup=False)

    def _seconds_left(self) -> float:
        """Estimate it from the pace since the oldest of the recent lines; remember this one."""
        now, (began, before) = time.monotonic(), self._lines[0]
        self._lines.append((now, self.done))
        return (now - began) / max(1, self.done - before) * (self.total - self.done)


_AROUND: ContextVar[Progress | None] = ContextVar("_AROUND", default=None)


@contextmanager
def progress(console: Console | None, title: str, total: int, done: int = 0) -> Iterator[Progress]:
    """Show the progress of the work inside the context; see `Progress` for the arguments.

    Inside another `progress` a part of its work is shown below it for as long as it takes. A
    console None is that of the work around it, or standard error.
    """
    around = _AROUND.get()
    console = console or (around.console if around else Console(stderr=True))
    shown = Progress(console, title, total, done, around.bar if around else None)
    token = _AROUND.set(shown)
    try:
        with nullcontext() if around or not console.is_terminal else shown.bar:
            yield shown
    finally:
        _AROUND.reset(token)
        if around:
            shown.bar.remove_task(shown.task)


def in_words(seconds: float) -> str:
    """Return a duration as people say it.

    >>> in_words(42), in_words(3_000), in_words(10_000), in_words(900_000)
    ('42 s', '50 min', '2.8 h', '10.4 days')
    """
    for size, unit, digits in ((86_400, "days", 1), (3_600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"
