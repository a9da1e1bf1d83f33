"""Being asked to end: SIGTERM is answered as Ctrl-C is, so that nothing half-written stays."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TerminatedError(KeyboardInterrupt):
    """SIGTERM arrived; whatever tidies up after Ctrl-C does so after it."""

    exit_code = 128 + signal.SIGTERM


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Raise TerminatedError where the program stands when SIGTERM arrives."""
    if threading.current_thread() is not threading.main_thread():  # signals work there alone
        yield
        return

    def end(number: int, frame: Any) -> None:
        del number, frame
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
