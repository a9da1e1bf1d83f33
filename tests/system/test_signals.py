"""Signals end a program tidily or are noted, and their earlier handlers come back."""

import signal
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, nullcontext

import pytest

from tests import ROOT
from tfvp.system.signals import TerminatedError, signals_noted, sigterm_interrupts

BOTH = (signal.SIGINT, signal.SIGTERM)


def handlers() -> list:
    return [signal.getsignal(number) for number in BOTH]


@pytest.fixture(autouse=True)
def earlier():
    """Handlers of the test, which collect what arrives outside of the contexts."""
    arrived, before = [], handlers()
    for number in BOTH:
        signal.signal(number, lambda number, frame: arrived.append(number))
    yield arrived
    for number, handler in zip(BOTH, before, strict=True):
        signal.signal(number, handler)


def test_sigterm_interrupts_every_time_and_ctrl_c_is_left_alone(earlier):
    before = handlers()
    with sigterm_interrupts():
        for _ in range(2):  # one that arrives while the first is tidied up after
            with pytest.raises(TerminatedError):
                signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert earlier == [signal.SIGINT]
    assert handlers() == before


def test_a_terminated_program_tidies_up_as_after_ctrl_c():
    assert issubclass(TerminatedError, KeyboardInterrupt)
    assert not issubclass(TerminatedError, Exception)
    assert TerminatedError.exit_code == 143


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_is_noted_and_the_second_does_what_it_did(earlier, number):
    noted: list[int] = []
    with signals_noted(noted.append):
        signal.raise_signal(number)
        assert (noted, earlier) == ([number], [])
        signal.raise_signal(number)
        assert (noted, earlier) == ([number], [number])


def test_each_of_the_two_signals_is_noted_once(earlier):
    noted: list[int] = []
    with signals_noted(noted.append):
        for number in (*BOTH, *BOTH):
            signal.raise_signal(number)
    assert (noted, earlier) == ([*BOTH], [*BOTH])


def test_a_second_sigterm_does_not_wait_inside_a_program_that_it_interrupts():
    noted: list[int] = []
    with sigterm_interrupts(), signals_noted(noted.append):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(TerminatedError):
            signal.raise_signal(signal.SIGTERM)
    assert noted == [signal.SIGTERM]


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_handlers_come_back_however_the_context_ends(arrives, fails):
    before = handlers()

    def work() -> None:
        with signals_noted(lambda number: None):
            assert not set(handlers()) & set(before)
            if arrives:
                signal.raise_signal(signal.SIGTERM)
            if fails:
                raise LookupError

    with pytest.raises(LookupError) if fails else nullcontext():
        work()
    assert handlers() == before


@pytest.mark.parametrize("context", [sigterm_interrupts(), signals_noted(print)])
def test_a_thread_other_than_the_main_one_changes_nothing(context: AbstractContextManager):
    before, inside = handlers(), []

    def work() -> None:
        with context:
            inside.extend(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == before


SWALLOW = """
import os, signal, sys, threading, time, weakref
from tfvp.system.signals import TerminatedError, sigterm_interrupts

class Thing: pass

def busy(_):
    started.set()
    for _ in range(2_000_000): pass  # the signal arrives here

started = threading.Event()
number = int(sys.argv[1])
threading.Thread(target=lambda: (started.wait(), os.kill(os.getpid(), number)), daemon=True).start()
try:
    with sigterm_interrupts():
        thing = Thing()
        kept = weakref.ref(thing, busy)
        del thing
        time.sleep(30)
except TerminatedError:
    sys.exit(143)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_arrives_in_a_weakref_callback_is_not_lost(number, code):
    done = subprocess.run(
        [sys.executable, "-c", SWALLOW, str(int(number))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
