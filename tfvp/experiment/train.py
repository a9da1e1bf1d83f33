"""The train stage; `train` tells it from the data to the last checkpoint."""

from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Any

from tfvp.config.experiment import Experiment
from tfvp.config.loading import dump, leaves
from tfvp.data import pipeline
from tfvp.evaluation.measure_batch import usual_history
from tfvp.evaluation.metrics import METRICS
from tfvp.experiment.begin import resume, start
from tfvp.experiment.job import Job
from tfvp.inference.compiled import compiled_for
from tfvp.models.cost import parameter_count
from tfvp.runs.folder import trained_by_one
from tfvp.system.progress import in_words, progress
from tfvp.training.batches import training_batches
from tfvp.training.callbacks import (
    AgreeWithWorkers,
    LogSteps,
    SaveCheckpoints,
    SetSchedules,
    StopOnNonFiniteLoss,
    StopWhenAsked,
    Validate,
)
from tfvp.training.checkpoints import Checkpoints
from tfvp.training.distributed.devices import Devices
from tfvp.training.early_stopping import Validation
from tfvp.training.logging.csv import TrainingLogs
from tfvp.training.logging.tensorboard import write_settings
from tfvp.training.loop import Loop, build_trainer, measure_first_updates
from tfvp.training.own_callbacks import make_callbacks
from tfvp.training.schedules import scheduled
from tfvp.training.session import TrainingSession
from tfvp.training.step_events import StepEvents
from tfvp.training.validation import METRIC, Measured, Validated, validate


def train(job: Job) -> None:
    """Train from fresh weights, given ones, or a checkpoint of the same run.

    Every process that trains comes here; the chief, which may be the only one, writes the run.
    """
    config, workers = job.experiment.training, job.workers

    # --- Data ---
    workers.wait()  # until the chief has prepared it
    prepared = job.open_data()
    workers.check_same_data(prepared.hash)

    # --- Model, optimizer and weight average ---
    devices = Devices(job.experiment, workers)
    trainer = build_trainer(job.experiment, devices)
    checkpoints = Checkpoints(job.run.checkpoints, keep=config.keep_checkpoints, report=job.say)
    session = TrainingSession(config, prepared, devices, trainer, checkpoints)

    # --- First weights ---
    if workers.is_chief and not job.resume:
        start(job, session)
    with trained_by_one(job.run) if workers.is_chief else nullcontext():
        # --- Resume ---
        session = _same_everywhere(job, session)

        # --- Warm-up ---
        if session.start_step < config.steps:
            loop = Loop(trainer, config, own=devices.own_loop, strategy=devices.strategy)
            batches = _batches(job, session)
            _warm_up(job, session, loop, batches)

            # --- Loop ---
            if workers.is_chief:
                session = _take_steps(job, session, loop, batches)
            else:
                _help_to_take_steps(session, loop, batches)

        # --- End ---
        if workers.is_chief:
            _say_end(job, session)


def _same_everywhere(job: Job, session: TrainingSession) -> TrainingSession:
    """Let the chief resume the run if it is to, and the others take over where it stands."""
    if session.workers.is_chief and job.resume:
        session = resume(job, session)
    (start_step,) = session.workers.agree(session.start_step)
    session.workers.share(session.variables)
    return replace(session, start_step=start_step)


def _batches(job: Job, session: TrainingSession) -> Any:
    """Return the batches of this worker from the first step to take on."""
    rows = session.workers.rows(session.config.global_batch)
    step = session.start_step + 1
    return training_batches(job.experiment, session.prepared, job.say, step, rows)


def _warm_up(job: Job, session: TrainingSession, loop: Loop, batches: Any) -> None:
    """Measure two updates, undo them, and say what the whole will take."""
    devices, updates = session.devices, session.updates_left
    if slow := devices.slow_precision(session.config.precision):
        job.say(slow)
    job.say(
        f"{parameter_count(session.trainer.predictor):,} parameters on {devices.describe()}; "
        f"each update: {session.config.global_batch} clips in micro-batches of "
        f"{devices.micro_batch}; timing one update ..."
    )
    cost = measure_first_updates(loop, session, batches)
    job.say(
        f"first update after {cost.seconds_to_first_update:.1f} s, then "
        f"{cost.seconds_an_update:.2f} s each: about "
        f"{in_words(cost.seconds_an_update * updates)} for {updates:,}, plus validation; "
        f"it takes {cost.peak_gigabytes:.1f} GB of memory"
    )


def _take_steps(job: Job, session: TrainingSession, loop: Loop, batches: Any) -> TrainingSession:
    """Take all steps on the chief, which logs, validates and saves.

    Returns:
        The session with the best validation.

    Raises:
        TrainingError: a loss is not finite, or the memory is not enough.
        Stopped: SIGINT or SIGTERM arrived; the step it arrived in was finished and saved.
        DataError: a record is damaged.
    """
    config = session.config
    validation = _validation(job, session)
    with (
        progress(job.console, "training", config.steps, session.start_step) as shown,
        closing(_logs(job, session)) as logs,
    ):
        log = LogSteps(session, logs, shown)
        validate = Validate(session, validation, log, job.watch)
        agree = AgreeWithWorkers(session, validate.is_enough)
        callbacks = [
            SetSchedules(session),
            StopOnNonFiniteLoss(session),
            log,
            validate,
            agree,
            SaveCheckpoints(session, logs, validate, agree),
            StopWhenAsked(session, agree),
        ]
        # before our own events, so that an end which one of them asks for is saved
        own = make_callbacks(config.callbacks, job.run.root)
        with agree.listening():
            loop.run(batches, session.updates_left, *own, StepEvents(session, callbacks))
    return replace(session, best=validate.best)


def _help_to_take_steps(session: TrainingSession, loop: Loop, batches: Any) -> None:
    """Take all steps on another worker, which writes nothing, and end when the others do."""
    agree = AgreeWithWorkers(session)
    checks = [SetSchedules(session), StopOnNonFiniteLoss(session)]
    callbacks = [*checks, agree, StopWhenAsked(session, agree)]
    with agree.listening():
        loop.run(batches, session.updates_left, StepEvents(session, callbacks))


def _logs(job: Job, session: TrainingSession) -> TrainingLogs:
    """Open the run's logs after the steps that were taken, and log what the run is."""
    config, experiment = session.config, job.experiment
    keys = dict(leaves(experiment.model_dump(mode="json")))
    write_settings(job.run.tensorboard, experiment.name, dump(experiment), keys)
    return TrainingLogs(
        job.run,
        session.start_step,
        parts=session.trainer.logged,
        scheduled=scheduled(1, config),
        validated=dict.fromkeys((METRIC, config.validation_metric, *_other_tasks(experiment))),
    )


def _validation(job: Job, session: TrainingSession) -> Validation:
    """Measure the trainer's weights, or their average, on the first clips of the split."""
    config, data, trainer = session.config, job.experiment.data, session.trainer
    reader = session.prepared.split("validation")
    count = min(config.validation_clips, reader.count)
    horizon = reader.shape[0] - data.context_frames  # validation's clips may be shorter
    metric = config.validation_metric

    def measured(task: str) -> Measured:
        history = usual_history(job.experiment.model, task)
        predict = compiled_for(history, trainer.predictor, data.context_frames, horizon)
        return Measured(predict, history)

    of_task = measured(job.experiment.evaluation.task)
    others = {name: measured(task) for name, task in _other_tasks(job.experiment).items()}

    def measure() -> Validated:
        averaged = config.validation_weights == "averaged"
        batch = job.experiment.evaluation.batch
        batches = pipeline.evaluation_batches(reader, batch=batch, count=count)
        with trainer.average.applied() if averaged else nullcontext():
            return validate(of_task, batches, data.context_frames, metric, others)

    return Validation(measure, metric, METRICS[metric].better)


def _other_tasks(experiment: Experiment) -> dict[str, str]:
    """Return by their column of the log the tasks of the network that are not evaluated."""
    tasks = (task for task in experiment.model.tasks if task != experiment.evaluation.task)
    return {f"{METRIC}_{task}": task for task in tasks}


def _say_end(job: Job, session: TrainingSession) -> None:
    """Say why training ended and which checkpoint is the best."""
    config, best, checkpoints = session.config, session.best, session.checkpoints
    last = checkpoints.steps()[-1]
    ended = f"trained {last:,} steps"
    if last < config.steps:
        whoever = "the search for settings" if job.watch else "training.callbacks"
        ended = f"stopped after step {last:,} of {config.steps:,}, as {whoever} asked"
    if best and last < config.steps and best.is_final(config.early_stopping):
        ended = (
            f"stopped early after step {last:,} of {config.steps:,}: validation {best.metric} was "
            f"not better in {best.waited} validations (training.early_stopping.patience)"
        )
    if best:
        ended += (
            f"; the best checkpoint is of step {best.step:,}, validation {best.metric} "
            f"{best.value:.4g}: {checkpoints.path(best.step)}"
        )
    job.say(ended)
