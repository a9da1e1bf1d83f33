"""Measures a run: on its own test split, over other lengths, and on other prepared data."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tfvp.config.loading import load_resolved
from tfvp.data.pipeline import data_errors, evaluation_batches, to_float
from tfvp.data.prepare import PreparedData, prepare
from tfvp.data.records import RecordReader
from tfvp.errors import ConfigError, DataError
from tfvp.evaluation.cost import TimedPrediction, network_cost
from tfvp.evaluation.evaluate import Evaluation, evaluate, write
from tfvp.evaluation.measure_batch import Predict, usual_history
from tfvp.evaluation.measurement import differences
from tfvp.evaluation.metadata import run_metadata
from tfvp.evaluation.samples import Drawings, choose_clips, write_samples
from tfvp.evaluation.schema import Cost, History, Metadata, TrainedOn, read_metrics
from tfvp.experiment.job import Job
from tfvp.experiment.programs import keep_programs
from tfvp.inference.compiled import compiled_for, padded
from tfvp.inference.predictor import trained_network
from tfvp.runs.folder import ResultFolder, evaluation_folder
from tfvp.runs.provenance import read_provenance
from tfvp.shapes import describe
from tfvp.system.progress import progress
from tfvp.training.distributed.devices import Devices


class Trained(NamedTuple):
    """A run's network with the weights to evaluate, compiled once for all test sets."""

    predict: Mapping[History, Predict]  # by what it is given besides the context
    step: int  # that the weights are of
    drawings: Drawings | None  # None: the network has nothing to draw
    cost: Cost  # its speed is not measured yet
    device: str  # that predicts, in words


def load_trained(job: Job) -> Trained:
    """Load the run's network and its ways of predicting, each compiled at its first call."""
    keep_programs(job)
    job.say("building the network; compiling its prediction comes before the first sequences ...")
    network, step = trained_network(job.run, job.experiment)
    data = job.experiment.data
    predicts = "prediction" in job.experiment.model.tasks
    cost = network_cost(network, data.context_frames, data.predict_frames, predicts=predicts)
    # One device predicts, however many train.
    one = job.experiment.training.model_copy(update={"distribution": "none"})
    one = job.experiment.model_copy(update={"training": one})
    lengths = (data.context_frames, data.predict_frames)
    predict = {each: padded(compiled_for(each, network, *lengths)) for each in History}
    return Trained(predict, step, network.drawings(), cost, Devices(one).describe())


def evaluate_own(job: Job) -> None:
    """Measure the run on the test split of its own data.

    The run's own result is replaced by one that is measured as its configuration says; any other
    goes to `evaluations/`, e.g. `evaluations/sequences-50/` or `evaluations/reconstruction/`.
    """
    prepared = job.open_data()
    names = _differences(job, prepared)
    folder = evaluation_folder(job.run, *names)
    count = measure(job, load_trained(job), prepared, folder)
    job.say(f"{count} test sequences measured: {folder.metrics_path}, {folder.per_frame_path}")
    if names:
        job.say(
            f"this is not the run's own result ({', '.join(names)}): reports do not show it; "
            f"tfvp evaluate --run {job.run.root} measures that one"
        )


def _differences(job: Job, prepared: PreparedData) -> tuple[str, ...]:
    """Name the settings in which the job's measurement is not that of the run's configuration."""
    own = load_resolved(job.run.config_path)
    return differences(own, job.experiment, prepared.split("test").count)


def evaluate_elsewhere(job: Job, prepared: PreparedData) -> ResultFolder:
    """Measure the run on the test split of other data.

    Returns:
        The folder with the results, evaluations/<dataset>-<hash>/ of the run; its name goes on
        with the settings that are not the run's.

    Raises:
        DataError: the data's clips have another frame size or are too short, or no test split.
    """
    check_fits(job, prepared)
    name = f"{prepared.manifest.dataset}-{prepared.hash}"
    folder = evaluation_folder(job.run, name, *_differences(job, prepared))
    trained = load_trained(job)
    count = measure(job, trained, prepared, folder, elsewhere=True)
    job.say(f"{count} test sequences of {prepared.folder} measured: {folder.metrics_path}")
    return folder


def evaluate_steps(job: Job, steps: int) -> ResultFolder:
    """Measure the run on its test split over `steps` predicted frames, however many it trained for.

    Where its own clips are too short, longer ones are prepared by the same settings.

    Returns:
        The folder with the results, evaluations/steps-<steps>/ of the run; its name
        goes on with the settings that are not the run's.

    Raises:
        ConfigError: what is measured is a reconstruction.
    """
    if job.experiment.evaluation.task == "reconstruction":
        raise ConfigError("--steps counts predicted frames; a reconstruction has the context's")
    data = job.experiment.data
    asked = data.model_copy(update={"predict_frames": steps})
    longer = steps > data.predict_frames
    prepared = prepare(asked, report=job.say, console=job.console) if longer else job.open_data()
    job = replace(job, experiment=job.experiment.model_copy(update={"data": asked}))
    check_fits(job, prepared)
    folder = evaluation_folder(job.run, f"steps-{steps}", *_differences(job, prepared))
    count = measure(job, load_trained(job), prepared, folder, elsewhere=longer)
    job.say(f"{count} test sequences measured over {steps} frames: {folder.metrics_path}")
    return folder


def measure(
    job: Job,
    trained: Trained,
    prepared: PreparedData,
    folder: ResultFolder,
    *,
    history: History | None = None,
    elsewhere: bool = False,
) -> int:
    """Measure a test split, by default with the usual history, and write all; returns its clips."""
    experiment, data = job.experiment, job.experiment.data
    history = history or usual_history(experiment.model, experiment.evaluation.task)
    reader = prepared.split("test")
    check_clips(job, reader.count)
    count = min(experiment.evaluation.sequences or reader.count, reader.count)
    predict = TimedPrediction(trained.predict[history])
    with data_errors(), progress(job.console, "evaluating", count) as shown:
        evaluation = evaluate(
            predict,
            _batches(reader, experiment.evaluation.batch, count, data.total_frames),
            context_frames=data.context_frames,
            predict_frames=data.predict_frames,
            metrics=experiment.evaluation.metrics,
            history=history,
            progress=shown.update,
        )
    folder.root.mkdir(parents=True, exist_ok=True)
    speed = predict.speed(trained.device) if history == History.FREE_RUNNING else None
    cost = trained.cost.model_copy(update={"speed": speed})
    write(evaluation, folder, _metadata(job, prepared, trained.step, elsewhere, cost))
    _draw(job, trained, predict, reader, folder, evaluation)
    return count


def _draw(
    job: Job,
    trained: Trained,
    predict: Predict,
    reader: RecordReader,
    folder: ResultFolder,
    evaluation: Evaluation,
) -> None:
    """Predict the chosen clips again and write their pictures."""
    data, chosen = job.experiment.data, job.experiment.evaluation
    notes = choose_clips(evaluation.errors, chosen.samples, chosen.clips)
    write_samples(
        predict,
        {index: to_float(reader[index][: data.total_frames]) for index in notes},
        folder.samples,
        context_frames=data.context_frames,
        notes=notes,
        history=evaluation.history,
        drawings=trained.drawings if evaluation.history == History.FREE_RUNNING else None,
    )


def check_clips(job: Job, available: int) -> None:
    """Raise a ConfigError if a clip that is to be drawn is not in a test split of so many."""
    try:
        job.experiment.evaluation.check_clips(available)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _batches(reader: RecordReader, batch: int, count: int, frames: int) -> Iterator[np.ndarray]:
    """Yield the first `count` clips in order, (B, frames, H, W, C) in [0, 1]."""
    for clips in evaluation_batches(reader, batch=batch, count=count):
        yield clips[:, :frames]


def check_fits(job: Job, prepared: PreparedData) -> None:
    """Make sure that the network can be measured on the data's test split, or raise a DataError."""
    data, shape = job.experiment.data, prepared.split("test").shape
    wanted = (*data.frame_px, data.channels)
    if shape[1:] != wanted or shape[0] < data.total_frames:
        raise DataError(
            f"{prepared.folder}: its clips are {describe(shape)}, but {job.run.root} needs "
            f"{describe((data.total_frames, *wanted))} (frames, height, width, channels; more "
            f"frames are cut off); prepare the data with --set data.frame_px={list(data.frame_px)} "
            f"--set data.context_frames={data.context_frames} "
            f"--set data.predict_frames={data.predict_frames}"
        )


def _metadata(job: Job, prepared: PreparedData, step: int, elsewhere: bool, cost: Cost) -> Metadata:
    """Return what readers of the numbers must know."""
    experiment, manifest = job.experiment, prepared.manifest
    protocol = experiment.data.model_dump(include={"context_frames", "predict_frames"})
    settings = {"dataset": manifest.dataset, **manifest.settings, **protocol}
    if "files" in settings:  # by split; a run's own settings have a key for each
        settings["test_file"] = settings["files"].get("test")
    return run_metadata(
        experiment,
        prepared.facts,
        steps=step,
        checkpoint=f"{experiment.evaluation.checkpoint}, step {step}",
        settings=settings if elsewhere else None,
        trained_on=_trained_on(job) if elsewhere else None,
        data_hash=prepared.hash,
        cost=cost,
    )


def _trained_on(job: Job) -> TrainedOn:
    """Name the data that the run was trained on, as its own evaluation does if there was one."""
    data_hash = str(read_provenance(job.run).get("data_hash", ""))
    if job.run.metrics_path.is_file():
        metadata = read_metrics(job.run.metrics_path).metadata
        return TrainedOn(data=metadata.data, data_hash=data_hash, label=metadata.label)
    data, label = job.experiment.data.dataset, job.experiment.label
    return TrainedOn(data=data, data_hash=data_hash, label=label)
