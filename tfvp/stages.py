"""The stages of an experiment, in order: prepare, train, evaluate, report, export."""

from collections.abc import Callable

from tfvp.data.pipeline import data_errors, evaluation_batches, to_float
from tfvp.data.prepare import prepare
from tfvp.evaluation.evaluate import evaluate, write
from tfvp.evaluation.facts import run_facts
from tfvp.evaluation.record import read_frames
from tfvp.evaluation.samples import choose_clips, write_samples
from tfvp.export import export_saved_model, save_keras_file
from tfvp.job import Job
from tfvp.predict import compiled_prediction, trained_network
from tfvp.progress import progress
from tfvp.reporting.page import write_report
from tfvp.reporting.render import console as console_table
from tfvp.reporting.tables import read_measured, run_table, transposed
from tfvp.train_stage import check_can_train, train_stage


def run_stages(job: Job, stages: tuple[str, ...]) -> None:
    """Run stages in their order, after checking what can be checked before any work is done.

    Raises:
        UserError: whatever the user can mend, see `tfvp.errors`.
    """
    if "train" in stages:
        check_can_train(job)
    elif stages != ("prepare",):
        job.check_same_experiment()
    for name, stage in STAGES.items():
        if name in stages:
            job.console.rule(f"{name}: {job.experiment.name}", align="left", style="dim")
            stage(job)
    job.say(f"everything is in {job.run.root}" if stages != ("prepare",) else "prepared")


def prepare_stage(job: Job) -> None:
    """Write the data's records, or check those that are there."""
    prepared = prepare(job.experiment.data, report=job.say, console=job.console)
    for line in prepared.terms:
        job.say(line)
    job.say(f"data: {prepared.folder}")


def evaluate_stage(job: Job) -> None:
    """Measure the run's weights and the baselines on the test split, and draw samples."""
    experiment, data, run = job.experiment, job.experiment.data, job.run
    prepared = job.open_data()
    reader = prepared.split("test")
    predictor, step = trained_network(run, experiment)
    predict = compiled_prediction(predictor, data.predict_frames)
    count = min(experiment.evaluation.sequences or reader.count, reader.count)
    batches = evaluation_batches(reader, batch=experiment.evaluation.batch, count=count)
    with data_errors(), progress(job.console, "evaluating", count) as shown:
        evaluation = evaluate(
            predict,
            batches.as_numpy_iterator(),
            context_frames=data.context_frames,
            predict_frames=data.predict_frames,
            metrics=experiment.evaluation.metrics,
            progress=shown.update,
        )
    facts = run_facts(
        experiment,
        prepared.facts,
        steps=step,
        checkpoint=f"{experiment.evaluation.checkpoint}, step {step}",
        data_hash=prepared.hash,
    )
    write(evaluation, run, facts)
    notes = choose_clips(evaluation.errors, experiment.evaluation.samples)
    write_samples(
        predict,
        {index: to_float(reader[index]) for index in notes},
        run.samples,
        context_frames=data.context_frames,
        notes=notes,
    )
    job.say(f"{count} test sequences measured: {run.metrics_path}, {run.per_frame_path}")


def report_stage(job: Job) -> None:
    """Write the report and print its rows."""
    write_report(job.run)
    table = run_table(read_measured(job.run), read_frames(job.run.per_frame_path))
    job.console.print(console_table(transposed(table)))
    job.say(f"report: {job.run.report_path}")


def export_stage(job: Job) -> None:
    """Export the evaluated weights as a SavedModel, and as a Keras file to go on from."""
    predictor, step = trained_network(job.run, job.experiment)
    horizon = job.experiment.data.predict_frames
    folder = job.run.export / "saved_model"
    save_keras_file(predictor, job.run.export / "network.keras")
    worst = export_saved_model(predictor, horizon, folder)
    job.say(
        f"exported the weights of step {step}: {folder}; reloaded in a fresh process it differs "
        f"by at most {worst:.1e}"
    )


STAGES: dict[str, Callable[[Job], None]] = {
    "prepare": prepare_stage,
    "train": train_stage,
    "evaluate": evaluate_stage,
    "report": report_stage,
    "export": export_stage,
}
