"""How the commands print: whole lines, messages about errors, and a quiet end without a reader."""

import os
import select
import signal
import sys
from typing import Any

from rich.console import Console

NO_READER = 128 + signal.SIGPIPE  # what a shell reports of a program that SIGPIPE ended


class LineConsole(Console):
    """A console that never folds a line.

    Args:
        options: of rich's `Console`, e.g. `stderr=True`.
    """

    def __init__(self, **options: Any):
        super().__init__(soft_wrap=True, **options)

    def print_line(self, text: str, style: str | None = None) -> None:
        """Print a text literally: nothing in it is highlighted or read as markup."""
        self.print(text, style=style, highlight=False, markup=False)

    def on_broken_pipe(self) -> None:
        """Let `main` end the program; rich itself would exit with code 1."""
        raise


def print_error(text: str) -> None:
    """Print a message on standard error, in red on a terminal."""
    LineConsole(stderr=True).print_line(text, style="bold red")


def output_has_no_reader() -> bool:
    """Whether standard output is a pipe that nobody reads any more, as after `| head`."""
    poller = select.poll()
    poller.register(sys.stdout, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poller.poll(0))


def discard_output() -> None:
    """Send standard output nowhere, so that Python does not complain when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
