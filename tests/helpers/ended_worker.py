"""Run as a process of its own: `run.py`, which sends itself a signal after a step.

Usage: python -m tests.helpers.ended_worker SIGNAL STEP ARGUMENTS..., SIGNAL e.g. SIGKILL
"""

import os
import signal
import sys

from tfvp.cli.main import main
from tfvp.training.step_events import StepEvents


def signal_after(number: int, step: int) -> None:
    """Send this process a signal once a step was followed to its end."""
    follow = StepEvents.on_train_batch_end

    def follow_and_signal(self, batch, logs=None):
        follow(self, batch, logs)
        if self.step_of(batch) == step:
            os.kill(os.getpid(), number)

    StepEvents.on_train_batch_end = follow_and_signal


if __name__ == "__main__":
    name, step, *arguments = sys.argv[1:]
    signal_after(signal.Signals[name], int(step))
    sys.exit(main(arguments))
