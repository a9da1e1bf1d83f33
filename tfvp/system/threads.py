"""Runs jobs on threads, one per core, and lets them share what they read from files.

Threads are used instead of processes because decoding, scaling, checksums and writing release the
interpreter lock, and because a process takes as long to start as thousands of clips do.
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from typing import Generic, ParamSpec, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Value = TypeVar("Value")
Key = ParamSpec("Key")


class StoppedError(Exception):
    """Raised by a job that was asked to stop because another one failed; `run_all` catches it."""


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def run_all(
    work: Callable[[Job, threading.Event], Result], jobs: Iterable[Job], threads: int
) -> list[Result]:
    """Run `work(job, stopping)` for every job on threads, and return what it returned, in order.

    The first job that fails, or Ctrl-C, stops the others: `stopping` is set, jobs that have not
    begun never do, and those under way are waited for.

    Args:
        work: does one job; it looks at `stopping` now and then and raises StoppedError if it is
            set.
        jobs: the arguments of `work`, one for each job.
        threads: how many jobs run at a time.

    Raises:
        BaseException: the exception of the first job that failed.
    """
    stopping = threading.Event()

    def unless_stopped(job: Job) -> Result:
        if stopping.is_set():
            raise StoppedError
        try:
            return work(job, stopping)
        except BaseException:
            stopping.set()
            raise

    with ThreadPoolExecutor(threads) as pool:
        try:  # from the first job on: a signal may arrive before the last is handed out
            futures = [pool.submit(unless_stopped, job) for job in jobs]
            for future in as_completed(futures):
                with suppress(StoppedError):  # the failure that stopped it is among the others
                    future.result()
        finally:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return [future.result() for future in futures]


class ReadOnce(Generic[Key, Value]):
    """A function that reads files, with a cache that all threads share.

    Each thread keeps the last value that it asked for, and a value that no thread keeps is
    forgotten: jobs that go through a dataset source by source decode each source once and hold no
    more of them than there are threads. A thread that asks for what another one is reading waits
    for it. Values must support weak references, as arrays do.
    """

    def __init__(self, read: Callable[Key, Value]):
        self.read = read
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all values, because the files may have changed."""
        self._reading: dict[object, threading.Lock] = {}
        self._values: weakref.WeakValueDictionary[object, Value] = weakref.WeakValueDictionary()
        self._last = threading.local()

    def __call__(self, *args: Key.args, **kwargs: Key.kwargs) -> Value:
        """Return the function's value, computed by this thread or by another one."""
        key, last = (args, *sorted(kwargs.items())), self._last
        if getattr(last, "key", None) == key:
            return last.value
        last.key = last.value = None  # may be large
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        with reading:
            value = self._values.get(key)
            if value is None:
                value = self._values[key] = self.read(*args, **kwargs)
        last.key, last.value = key, value
        return value
