"""Threads that share work: every job once, a failure stops all, a source is read by one thread."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tfvp.system.threads import ReadOnce, StoppedError, run_all


def test_results_come_in_the_order_of_the_jobs():
    def work(job: int, stopping: threading.Event) -> int:
        time.sleep(0.02 * (5 - job))  # the last is done first
        return job * job

    assert run_all(work, range(5), 5) == [0, 1, 4, 9, 16]
    assert run_all(work, [], 2) == []


def test_the_failure_is_raised_whoever_stops_first():
    """Job 1 stops because job 0 fails, and may say so earlier."""
    begun = []

    def work(job: int, stopping: threading.Event) -> None:
        begun.append(job)
        if job == 0:
            while 1 not in begun:
                time.sleep(0.001)
            raise OSError("disk gone")
        if job == 1:
            assert stopping.wait(10)
            raise StoppedError

    with pytest.raises(OSError, match="disk gone"):
        run_all(work, range(9), 2)
    assert sorted(begun) == [0, 1]


def test_an_interruption_while_jobs_are_handed_out_stops_those_under_way(monkeypatch):
    """A signal may arrive before the last job was handed out; the first must be told to stop."""
    submit, told = ThreadPoolExecutor.submit, []

    def interrupted(pool, function, job):
        if job == 1:
            raise KeyboardInterrupt
        return submit(pool, function, job)

    def work(job: int, stopping: threading.Event) -> None:
        told.append(stopping.wait(5))

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_all(work, range(3), 2)
    assert told == [True]


class Source:
    """Counts how often each thing is read."""

    def __init__(self, seconds: float = 0.0):
        self.counts: dict[str, int] = {}
        self.seconds = seconds

    def __call__(self, name: str) -> np.ndarray:
        self.counts[name] = self.counts.get(name, 0) + 1
        time.sleep(self.seconds)
        return np.full(3, len(name))


def test_threads_that_need_the_same_at_a_time_read_it_once():
    source = Source(0.1)
    read = ReadOnce(source)
    read_by_all = run_all(lambda job, stopping: read("long"), range(6), 6)
    assert source.counts == {"long": 1}
    assert len({id(value) for value in read_by_all}) == 1


@pytest.mark.slow
def test_a_thread_keeps_its_last_and_what_none_keeps_is_read_again():
    source = Source()
    read = ReadOnce(source)
    for name in ("a", "a", "b", "b", "a"):
        read(name)
        gc.collect()
    assert source.counts == {"a": 2, "b": 1}
    read.clear()
    read("a")
    assert source.counts == {"a": 3, "b": 1}


def test_reading_that_fails_is_tried_again():
    source = Source()

    def fails_once(name: str) -> np.ndarray:
        value = source(name)
        if source.counts[name] == 1:
            raise OSError("not yet")
        return value

    read = ReadOnce(fails_once)
    with pytest.raises(OSError, match="not yet"):
        read("a")
    np.testing.assert_array_equal(read("a"), [1, 1, 1])
