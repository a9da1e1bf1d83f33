"""Where training begins: at fresh or given weights in a new run, or at a checkpoint of the run."""

from dataclasses import replace

from tfvp.config.experiment import Experiment
from tfvp.experiment.job import Job
from tfvp.runs.folder import create_run
from tfvp.runs.provenance import collect_provenance, note_resumption
from tfvp.training.distributed.devices import Devices
from tfvp.training.early_stopping import Best
from tfvp.training.initialise import initialise, load_pretrained, read_pretrained
from tfvp.training.loop import build_trainer
from tfvp.training.session import TrainingSession


def start(job: Job, session: TrainingSession) -> None:
    """Make a new run that starts from fresh weights, or from those that the experiment names.

    Raises:
        WeightsError: they are missing or do not fit; nothing was made.
        RunError: the run's folder exists, or cannot be made.
    """
    _initialise(job, session)
    device = session.devices.describe()
    provenance = collect_provenance(job.experiment, session.prepared.hash, device)
    create_run(job.experiment, provenance=provenance)


def resume(job: Job, session: TrainingSession) -> TrainingSession:
    """Go on from the newest whole checkpoint, or begin anew where none was saved.

    A run that stopped early has no step left.
    """
    config = session.config
    changed = job.check_same_experiment()
    if session.checkpoints.steps():
        step, state = session.checkpoints.load_latest()
        session.restore(state)
    else:
        _initialise(job, session)
        step, state = 0, session.state(0)
    session.checkpoints.go_back(state)
    for key, (before, now) in changed.items():
        job.say(f"changed by --force: {key} was {before!r} and is {now!r} from now on")
    note_resumption(
        job.run,
        job.experiment,
        data_hash=session.prepared.hash,
        device=session.devices.describe(),
        after_step=step,
        changed=changed,
    )
    saved = "" if step else "; no checkpoint was saved: training begins anew"
    job.say(f"resuming after step {step} of {config.steps}{saved}")
    best = Best.of(state)
    over = best is not None and best.is_final(config.early_stopping)
    return replace(session, start_step=config.steps if over else step, best=best)


def check_first_weights(experiment: Experiment) -> None:
    """Make sure that the weights which training is to start from are there and fit.

    Raises:
        WeightsError: they are not, or do not; or those of a pretrained part are missing.
    """
    for file in experiment.model.pretrained_files:
        read_pretrained(file, experiment.config)
    if not experiment.training.init.source:
        return
    # One device is enough to see it, however many train.
    alone = experiment.training.model_copy(update={"distribution": "none"})
    alone = experiment.model_copy(update={"training": alone})
    initialise(build_trainer(alone, Devices(alone)), alone.training.init)


def _initialise(job: Job, session: TrainingSession) -> None:
    """Take over the weights that the experiment names, if it names any."""
    init = session.config.init
    load_pretrained(session.trainer.predictor, job.experiment, job.say)
    if init.source:
        job.say(f"starting from {initialise(session.trainer, init)}")
