"""The same experiment with several seeds: an ordinary run for each, one after the other."""

from collections.abc import Sequence
from dataclasses import replace

import keras

from tfvp.errors import ConfigError
from tfvp.experiment.job import Job
from tfvp.experiment.stages import run_stages


def run_repeats(jobs: Sequence[Job], stages: tuple[str, ...]) -> None:
    """Run the stages of each job, as a process of its own would run them.

    With `resume` a job whose run is complete is passed over, and one that was not begun begins.

    Args:
        jobs: of experiments with different names.
        stages: as for `run_stages`.

    Raises:
        ConfigError: the experiments train on several machines.
        UserError: a run is in the way, before anything is trained; or what `run_stages` raises.
    """
    jobs = [replace(job, resume=job.resume and job.run.root.exists()) for job in jobs]
    for job in jobs:
        if job.experiment.training.distribution == "multi_worker":
            raise ConfigError(
                "--seeds trains in one process, and training.distribution: multi_worker in "
                "several: start each seed on all machines with --set training.seed=N --name NAME"
            )
        if "train" in stages:
            job.check_can_train()
    for number, job in enumerate(jobs, start=1):
        job.say(f"seed {job.experiment.training.seed}, run {number} of {len(jobs)}")
        if job.resume and is_complete(job, stages):
            job.say(f"{job.run.root} is complete")
            continue
        run_stages(job, stages)
        keras.utils.clear_session()  # the next run's layers are named and counted anew


def is_complete(job: Job, stages: tuple[str, ...]) -> bool:
    """Return whether the last of the stages that leaves a file of its own has left it."""
    predicts = "prediction" in job.experiment.model.tasks
    exported = job.run.export / ("saved_model" if predicts else "network.keras")
    left = {
        "evaluate": job.run.metrics_path,
        "report": job.run.report_path,
        "export": exported,
    }
    last = [left[stage] for stage in stages if stage in left]
    return bool(last) and all(path.exists() for path in last)
