"""Run as a process of its own: `run.py`, which at one point says "now" and waits to be killed.

Usage: python -m tests.helpers.killed_run POINT STEP ARGUMENTS...; POINT is "after_log" or
"in_checkpoint".
"""

import os
import sys
import time

import numpy as np

from tfvp.cli.main import main
from tfvp.training.logging.csv import TrainingLogs


def wait() -> None:
    print("now", flush=True)
    time.sleep(60)


def stop_after_log(step: int) -> None:
    """Wait once a step was logged."""
    write = TrainingLogs.write_train

    def write_and_wait(self, row, extra):
        write(self, row, extra)
        if row["step"] == step:
            wait()

    TrainingLogs.write_train = write_and_wait


def stop_in_checkpoint(step: int) -> None:
    """Wait with half of a checkpoint written."""
    write = np.savez

    def write_half(path, **arrays):
        write(path, **arrays)
        if path.name.startswith(f".step-{step:08d}"):
            os.truncate(path, path.stat().st_size // 2)
            wait()

    np.savez = write_half


POINTS = {"after_log": stop_after_log, "in_checkpoint": stop_in_checkpoint}

if __name__ == "__main__":
    point, step, *arguments = sys.argv[1:]
    POINTS[point](int(step))
    sys.exit(main(arguments))
