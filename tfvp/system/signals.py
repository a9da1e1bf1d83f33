"""Lets SIGINT and SIGTERM end a running program tidily, or notes them until it asks."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NoReturn


class TerminatedError(KeyboardInterrupt):
    """SIGTERM arrived; whatever tidies up after Ctrl-C does so after it."""

    exit_code = 128 + signal.SIGTERM


def sigterm_interrupts() -> AbstractContextManager[None]:
    """Return a context in which SIGTERM raises TerminatedError where the program stands.

    It also brings back SIGTERM and Ctrl-C where Python loses them, see `_sent_again`.
    """
    return _terminating()


@contextmanager
def _terminating() -> Iterator[None]:
    with _handled(_terminate, (signal.SIGTERM,), once=False), _sent_again():
        yield


@contextmanager
def _sent_again() -> Iterator[None]:
    """Send a signal once more whose exception Python ignored.

    An exception that a signal raises while a weakref callback or a `__del__` runs is printed by
    `sys.unraisablehook` and lost: the program would go on as if nobody had asked it to end.
    """
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        terminated = issubclass(unraisable.exc_type, TerminatedError)
        number = signal.SIGTERM if terminated else signal.SIGINT
        # A moment later: this hook runs inside of what swallowed the first.
        threading.Timer(0.01, os.kill, (os.getpid(), number)).start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def leaving_at_once() -> AbstractContextManager[None]:
    """Return a context in which Ctrl-C and SIGTERM end the process where it stands, in one word.

    For the imports a program begins with: nothing is half done that an exception would tidy, and
    modules turn one into errors of their own.
    """
    return _handled(_leave, (signal.SIGINT, signal.SIGTERM), once=False)


def _leave(number: int) -> NoReturn:
    said = b"terminated" if number == signal.SIGTERM else b"interrupted"
    os.write(2, said + b"\n")
    os._exit(128 + number)


def signals_noted(on_signal: Callable[[int], None]) -> AbstractContextManager[None]:
    """Return a context in which SIGINT and SIGTERM call `on_signal` and interrupt nothing.

    Each of the two is noted once: after the first SIGINT, another one does what it did before the
    context, so that a user who does not want to wait need only press Ctrl-C again.

    Args:
        on_signal: called with the signal's number between two instructions of the main thread.
    """
    return _handled(on_signal, (signal.SIGINT, signal.SIGTERM), once=True)


def _terminate(number: int) -> NoReturn:
    del number
    raise TerminatedError


@contextmanager
def _handled(
    on_signal: Callable[[int], None], numbers: tuple[int, ...], *, once: bool
) -> Iterator[None]:
    """Let `on_signal` answer signals, and restore their earlier handlers at the end.

    Only the main thread can set handlers; in another one the context changes nothing.

    Args:
        on_signal: called with the signal's number; may raise.
        numbers: the signals.
        once: whether the earlier handler of a signal is restored when it arrives.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}

    def received(number: int, frame: Any) -> None:
        del frame
        if once:
            signal.signal(number, before[number])
        on_signal(number)

    try:
        for number in numbers:
            signal.signal(number, received)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
