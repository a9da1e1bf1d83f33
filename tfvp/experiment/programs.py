"""Keeps compiled programs from one process to the next, where the backend can."""

from pathlib import Path

from tfvp.backend import backend
from tfvp.experiment.job import Job

_said: set[Path] = set()


def keep_programs(job: Job) -> None:
    """Keep what JAX compiles in a folder, and say once in a process which it is.

    Without it a second start of the same experiment compiles the same programs again: a minute or
    more for a large network.
    """
    folder = backend.keep_programs()
    if folder and folder not in _said:
        _said.add(folder)
        job.say(
            f"compiled programs are kept in {folder}; JAX_ENABLE_COMPILATION_CACHE=false keeps none"
        )
