"""Trains and tests the runs of a search, as `tfvp run` would."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfvp.config.experiment import Experiment
from tfvp.errors import TrainingError
from tfvp.evaluation.metrics import METRICS
from tfvp.experiment.job import Job
from tfvp.experiment.stages import run_stages
from tfvp.reporting.figures.training_curves import read_log
from tfvp.runs.folder import Run
from tfvp.training.callbacks import Stopped
from tfvp.tuning.search import Trained, Watch, Work


def usual_work(console: Any, say: Callable[[str], None]) -> Work:
    """Return the work of a search on this machine.

    Args:
        console: prints what the stages say.
        say: prints what the search says.
    """

    def train(experiment: Experiment, watch: Watch) -> Trained:
        begun = (experiment.results / experiment.name).exists()
        job = Job(experiment, console, watch=watch, resume=begun)
        try:
            run_stages(job, ("prepare", "train"))
        finally:
            keras.utils.clear_session()  # the next trial's layers are named and counted anew
        return trained(job.run, experiment)

    def test(experiment: Experiment) -> None:
        run_stages(Job(experiment, console), ("evaluate", "report"))

    return Work(train, test, say, stops=(Stopped,))


def trained(run: Run, experiment: Experiment) -> Trained:
    """Read a run's best validation by the metric that decides.

    Raises:
        TrainingError: there was no finite one.
    """
    metric = experiment.training.validation_metric
    log = read_log(run.validation_log)
    values, steps = np.array(log.get(metric, [])), log.get("step", [])
    finite = np.isfinite(values)
    if not finite.any():
        raise TrainingError(f"{run.root}: no validation gave a finite {metric}")
    sign = -1 if METRICS[metric].better == "higher" else 1
    best = int(np.argmin(np.where(finite, sign * values, np.inf)))
    return Trained(float(values[best]), int(steps[best]), int(steps[-1]))
