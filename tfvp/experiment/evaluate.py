"""Measures a run: on its own test split, on other prepared data, and on a suite of test sets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfvp.data.pipeline import data_errors, evaluation_batches, to_float
from tfvp.data.prepare import PreparedData, prepare
from tfvp.data.records import RecordReader
from tfvp.errors import DataError, RunError
from tfvp.evaluation.cost import TimedPrediction, network_cost
from tfvp.evaluation.evaluate import evaluate, write
from tfvp.evaluation.measure_batch import Predict, usual_history
from tfvp.evaluation.metadata import run_metadata
from tfvp.evaluation.samples import Flow, choose_clips, write_samples
from tfvp.evaluation.schema import Cost, History, Metadata, TrainedOn, read_metrics
from tfvp.evaluation.suites.robustness import Plan, robustness_plans
from tfvp.evaluation.suites.schema import INDEX, Case, Suite, case_folder
from tfvp.experiment.job import Job
from tfvp.experiment.programs import keep_programs
from tfvp.inference.predictor import (
    compiled_one_step,
    compiled_prediction,
    compiled_with_true_pixels,
    padded,
    trained_network,
)
from tfvp.runs.folder import ResultFolder
from tfvp.runs.provenance import read_provenance
from tfvp.shapes import describe
from tfvp.system.files import write_json
from tfvp.system.progress import progress
from tfvp.training.distributed.devices import Devices

ROBUSTNESS = "robustness"


class Trained(NamedTuple):
    """A run's network with the weights to evaluate, compiled once for all test sets."""

    predict: Mapping[History, Predict]  # by what it is given besides the context
    step: int  # that the weights are of
    flow: Flow | None  # None: the network computes no optical flow
    cost: Cost  # its speed is not measured yet
    device: str  # that predicts, in words


def _trained(job: Job) -> Trained:
    """Load the run's network and its ways of predicting, each compiled at its first call."""
    keep_programs(job)
    job.say("building the network; compiling its prediction comes before the first sequences ...")
    network, step = trained_network(job.run, job.experiment)
    data = job.experiment.data
    free_running = padded(compiled_prediction(network, data.predict_frames))
    teacher_forced = padded(compiled_one_step(network, data.context_frames))
    cost = network_cost(network, data.context_frames, data.predict_frames)
    # One device predicts, however many train.
    one = job.experiment.training.model_copy(update={"distribution": "none"})
    predict = {
        History.FREE_RUNNING: free_running,
        History.TEACHER_FORCED: teacher_forced,
        History.TRUE_PIXELS: padded(compiled_with_true_pixels(network, data.context_frames)),
    }
    return Trained(predict, step, network.flow(), cost, Devices(one).describe())


def evaluate_own(job: Job) -> None:
    """Measure the run on the test split of its own data, and replace what was measured before."""
    prepared = job.open_data()
    count = _measure(job, _trained(job), prepared, job.run)
    job.say(f"{count} test sequences measured: {job.run.metrics_path}, {job.run.per_frame_path}")


def evaluate_elsewhere(job: Job, prepared: PreparedData) -> ResultFolder:
    """Measure the run on the test split of other data.

    Returns:
        The folder with the results, evaluations/<dataset>-<hash>/ of the run.

    Raises:
        DataError: the data's clips have another frame size or are too short, or no test split.
    """
    folder = ResultFolder(job.run.evaluations / f"{prepared.manifest.dataset}-{prepared.hash}")
    _check_fits(job, prepared)
    trained = _trained(job)
    count = _measure(job, trained, prepared, folder, elsewhere=True)
    job.say(f"{count} test sequences of {prepared.folder} measured: {folder.metrics_path}")
    return folder


def evaluate_robustness(job: Job, sequences: int | None) -> Path:
    """Measure the run on every test set of the robustness suite that can be made.

    Args:
        job: the job whose run is measured.
        sequences: the number of clips of every test set; None: that of the run's own test split.

    Returns:
        The folder evaluations/robustness/ of the run, with suite.json in it.

    Raises:
        ConfigError: the run was not trained on moving digits.
        RunError: no test set could be made.
    """
    own = job.open_data()
    plans = robustness_plans(
        job.experiment.data, own.facts.get("digits_source", "mnist"), sequences
    )
    trained = _trained(job)
    home = job.run.evaluations / ROBUSTNESS
    cases = [_measured_case(job, trained, plan, home) for plan in plans]
    suite = Suite(suite="robustness", cases=cases)
    if not suite.measured:
        raise RunError(f"{home}: no test set could be made; {cases[0].skipped}")
    write_json(home / INDEX, suite.model_dump(mode="json"))
    job.say(f"{len(suite.measured)} of {len(cases)} test sets measured: {home / INDEX}")
    return home


def _measured_case(job: Job, trained: Trained, plan: Plan, home: Path) -> Case:
    """Measure one test set; the case says why if that cannot be done."""
    job.say(f"{plan.case.subject}: {plan.case.title}")
    try:
        prepared = prepare(plan.data, report=lambda line: None, console=job.console)
        _check_fits(job, prepared)
    except DataError as error:
        job.say(f"skipped: {error}")
        return plan.case.model_copy(update={"skipped": str(error)})
    folder = case_folder(home, plan.case)
    _measure(job, trained, prepared, folder, history=plan.history, elsewhere=True)
    return plan.case


def _measure(
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
    history = history or usual_history(experiment.model)
    reader = prepared.split("test")
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
    notes = choose_clips(evaluation.errors, experiment.evaluation.samples)
    write_samples(
        predict,
        {index: to_float(reader[index][: data.total_frames]) for index in notes},
        folder.samples,
        context_frames=data.context_frames,
        notes=notes,
        history=history,
        flow=trained.flow if history == History.FREE_RUNNING else None,
    )
    return count


def _batches(reader: RecordReader, batch: int, count: int, frames: int) -> Iterator[np.ndarray]:
    """Yield the first `count` clips in order, (B, frames, H, W, C) in [0, 1]."""
    for clips in evaluation_batches(reader, batch=batch, count=count):
        yield clips[:, :frames]


def _check_fits(job: Job, prepared: PreparedData) -> None:
    """Make sure that the network can be measured on the data's test split, or raise a DataError."""
    data, shape = job.experiment.data, prepared.split("test").shape
    wanted = (*data.frame_px, data.channels)
    if shape[1:] != wanted or shape[0] < data.total_frames:
        raise DataError(
            f"{prepared.folder}: its clips are {describe(shape)}, but {job.run.root} needs "
            f"{describe((data.total_frames, *wanted))} (frames, height, width, channels; more "
            "frames are cut off); prepare the data with these data.frame_px, data.context_frames "
            "and data.predict_frames"
        )


def _metadata(job: Job, prepared: PreparedData, step: int, elsewhere: bool, cost: Cost) -> Metadata:
    """What readers of the numbers must know."""
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
