"""Training by several processes: how they join, and what those that are not the chief do."""

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from tfvp.backend import backend
from tfvp.config.loading import config_hash
from tfvp.errors import UserError
from tfvp.experiment.job import Job
from tfvp.experiment.train import train
from tfvp.training.distributed.cluster import find_cluster
from tfvp.training.distributed.workers import MultiWorker, SingleProcess, Workers


def join(job: Job, stages: Sequence[str]) -> Workers:
    """Wait for the processes that train together; the job may ask for no other than this one.

    Args:
        job: the job.
        stages: the names of the stages to run; they must be the same for all workers.

    Raises:
        ConfigError: no workers are named, this one cannot be one, or they want different things.
        TrainingError: another worker is not reached, or the chief cannot begin.
        UserError: this is the chief, and it cannot begin.
    """
    wanted = job.experiment.training.distribution == "multi_worker" and "train" in stages
    if not wanted or backend.NAME != "tensorflow":  # `Devices` says that others cannot
        return SingleProcess()
    cluster = find_cluster()
    others = ", ".join(cluster.name(index) for index in cluster.others)
    job.say(f"{cluster.name()}: waiting for {others} ...")
    same_everywhere = {
        "list of workers": ",".join(cluster.addresses),
        "configuration": config_hash(job.experiment),
        "stages": ",".join(stages),
        "--resume": "given" if job.resume else "not given",
    }
    return MultiWorker(cluster, same_everywhere, _refusal(job) if cluster.is_chief else None)


def _refusal(job: Job) -> UserError | None:
    """Return why the chief cannot begin: a run in the way, or none to resume; None if it can."""
    try:
        job.check_can_train()
    except UserError as error:
        return error
    return None


def help_to_train(job: Job) -> None:
    """Train silently with the other workers; the chief does all other stages."""
    train(replace(job, console=Console(quiet=True)))
    job.say(f"{job.workers.name}: training is over; the chief does what is left")
