"""The train stage: from fresh weights, given ones, or a checkpoint of the same run."""

import functools
from contextlib import nullcontext
from typing import Any

from keras.backend import backend

from tfvp.data.pipeline import (
    Prefetched,
    evaluation_batches,
    numpy_training_batches,
    training_batches,
)
from tfvp.data.prepare import PreparedData, training_source
from tfvp.errors import ConfigError
from tfvp.evaluation.metrics import METRICS
from tfvp.experiment.job import Job
from tfvp.inference.predictor import compiled_prediction
from tfvp.models.cost import parameter_count
from tfvp.runs.folder import create_run, refuse_existing
from tfvp.runs.provenance import collect_provenance, note_resumption
from tfvp.system.progress import in_words, progress
from tfvp.training.callbacks import OtherSteps, Steps
from tfvp.training.checkpoints import Checkpoints, restore
from tfvp.training.distributed.devices import Devices
from tfvp.training.early_stopping import Best, Validation
from tfvp.training.initialise import initialise
from tfvp.training.logging.csv import TrainingLogs
from tfvp.training.loop import Loop, build_trainer, rehearse, train
from tfvp.training.schedules import scheduled, truth_probabilities
from tfvp.training.trainer import Trainer
from tfvp.training.validation import METRIC, Validated, validate


def check_can_train(job: Job) -> None:
    """Find out before any work whether training may begin.

    Raises:
        RunError: a run is in the way, or the one to resume is missing or another experiment's.
        ConfigError: a fine-tuning configuration without weights.
    """
    init = job.experiment.training.init
    if job.resume:
        job.check_same_experiment()
        return
    refuse_existing(job.run)
    if init.required and not init.source:
        raise ConfigError(
            f"{job.experiment.name} fine-tunes: give it weights with --init-from (a run's "
            "folder, a .keras or .npz file, or the prefix of a TF1 checkpoint)"
        )
    if init.optimizer and not init.source:
        raise ConfigError("training.init.optimizer: true needs weights to start from (--init-from)")


def train_stage(job: Job) -> None:
    """Train, from fresh weights, given ones, or a checkpoint of the same run."""
    experiment, config, workers = job.experiment, job.experiment.training, job.workers
    workers.wait()  # until the chief has prepared the data
    prepared = job.open_data()
    workers.check_same_data(prepared.hash)
    devices = Devices(config, workers)
    trainer = build_trainer(experiment, devices)
    checkpoints = Checkpoints(job.run.checkpoints, keep=config.keep_checkpoints, report=job.say)
    start_step, best = _begin(job, prepared, devices, trainer, checkpoints)
    if start_step >= config.steps:
        if workers.is_chief:
            _say_end(job, checkpoints, best)
        return
    batches = _training_batches(job, prepared, start_step)
    loop = Loop(trainer, config, own=devices.own_loop, strategy=devices.strategy)
    updates = (config.steps - start_step) * (1 + config.reverse_input)
    _say_cost(job, loop, devices, batches, updates)
    if not workers.is_chief:
        train(loop, batches, OtherSteps(config, start_step, checkpoints, workers))
        return
    validation = _validation(job, trainer, prepared)
    with progress(job.console, "training", config.steps, start_step) as shown:
        logs = TrainingLogs(
            job.run,
            start_step,
            parts=trainer.summed_loss.weights,
            scheduled=scheduled(1, config),
            validated=dict.fromkeys((METRIC, config.validation_metric)),
        )
        steps = Steps(config, start_step, checkpoints, logs, validation, shown, best, workers)
        train(loop, batches, steps)
    _say_end(job, checkpoints, steps.best)


def _begin(
    job: Job, prepared: PreparedData, devices: Devices, trainer: Trainer, checkpoints: Checkpoints
) -> tuple[int, Best | None]:
    """Begin or go on; returns the updates done and, on the chief, the best validation.

    The chief alone reads the run or the given weights; the others have its from it. Training that
    is over has done all updates.
    """
    config, workers = job.experiment.training, job.workers
    start_step, best = 0, None
    if workers.is_chief:
        begin = _continue if job.resume else _start
        start_step, best = begin(job, prepared, devices, trainer, checkpoints)
        if best and best.is_final(config.early_stopping):
            start_step = config.steps
    (start_step,) = workers.agree(start_step)
    predictor, average, optimizer = trainer.predictor, trainer.average, trainer.optimizer
    workers.share([*predictor.weights, *average.averages, *optimizer.variables])
    return start_step, best


def _say_end(job: Job, checkpoints: Checkpoints, best: Best | None) -> None:
    """Say why training ended and which checkpoint is the best."""
    config, last = job.experiment.training, checkpoints.steps()[-1]
    ended = f"trained {config.steps:,} steps"
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


def _start(
    job: Job, prepared: PreparedData, devices: Devices, trainer: Trainer, checkpoints: Checkpoints
) -> tuple[int, Best | None]:
    """Begin a run; returns the updates done so far and the best validation, none."""
    del checkpoints
    init = job.experiment.training.init
    if init.source:  # weights that do not fit leave no run behind
        job.say(f"starting from {initialise(trainer, init)}")
    facts = collect_provenance(job.experiment, prepared.hash, devices.describe())
    create_run(job.experiment, provenance=facts)
    return 0, None


def _continue(
    job: Job, prepared: PreparedData, devices: Devices, trainer: Trainer, checkpoints: Checkpoints
) -> tuple[int, Best | None]:
    """Go on from the newest whole checkpoint; returns the updates done and the best validation."""
    changed = job.check_same_experiment()
    step, state = checkpoints.load_latest()
    restore(state, trainer.predictor, trainer.average, trainer.optimizer)
    checkpoints.go_back(state)
    for key, (before, now) in changed.items():
        job.say(f"changed by --force: {key} was {before!r} and is {now!r} from now on")
    note_resumption(
        job.run,
        job.experiment,
        data_hash=prepared.hash,
        device=devices.describe(),
        after_step=step,
        changed=changed,
    )
    job.say(f"resuming after step {step} of {job.experiment.training.steps}")
    return step, Best.of(state)


def _training_batches(job: Job, prepared: PreparedData, start_step: int) -> Any:
    config, data = job.experiment.training, job.experiment.data
    sampling = config.scheduled_sampling
    make = functools.partial(
        numpy_training_batches if backend() == "jax" else training_batches,
        training_source(data, prepared, report=job.say),
        batch=config.global_batch,
        seed=config.seed,
        sampling=functools.partial(
            truth_probabilities,
            sampling=sampling,
            context_frames=data.context_frames,
            predict_frames=data.predict_frames,
        ),
        exact_share=sampling is not None and sampling.kind == "inverse_sigmoid",
        reverse_input=config.reverse_input,
        start_step=start_step + 1,
        rows=job.workers.rows(config.global_batch),
    )
    return Prefetched(make) if backend() == "jax" else make()


def _validation(job: Job, trainer: Trainer, prepared: PreparedData) -> Validation:
    """Measure the trainer's weights, or their average, on the first clips of the split."""
    config, data = job.experiment.training, job.experiment.data
    reader = prepared.split("validation")
    count = min(config.validation_clips, reader.count)
    # Where validation's clips are shorter, fewer frames are predicted.
    predict = compiled_prediction(trainer.predictor, reader.shape[0] - data.context_frames)
    metric = config.validation_metric

    def measure() -> Validated:
        averaged = config.validation_weights == "averaged"
        batches = evaluation_batches(reader, batch=job.experiment.evaluation.batch, count=count)
        with trainer.average.applied() if averaged else nullcontext():
            return validate(predict, batches, data.context_frames, metric)

    return Validation(measure, metric, METRICS[metric].better)


def _say_cost(job: Job, loop: Loop, devices: Devices, batches: Any, updates: int) -> None:
    """Measure two updates, undo them, and say what the whole will take."""
    config = job.experiment.training
    parameters = parameter_count(loop.trainer.predictor)
    job.say(
        f"{parameters:,} parameters on {devices.describe()}; each update: "
        f"{config.global_batch} clips in micro-batches of {devices.micro_batch}; measuring one ..."
    )
    cost = rehearse(loop, batches)
    job.say(
        f"first update after {cost.seconds_to_first_step:.1f} s, then {cost.seconds_a_step:.2f} s "
        f"each: about {in_words(cost.seconds_a_step * updates)} for {updates:,}, plus validation; "
        f"it takes {cost.peak_gigabytes:.1f} GB of memory"
    )
