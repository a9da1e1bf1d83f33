"""The stages of an experiment, in order: prepare, train, evaluate, report, export."""

from collections.abc import Callable
from dataclasses import replace

from tfvp.backend import KERAS_BACKEND
from tfvp.data.prepare import prepare
from tfvp.errors import ConfigError
from tfvp.experiment.begin import check_first_weights
from tfvp.experiment.evaluate import evaluate_own
from tfvp.experiment.job import Job
from tfvp.experiment.multi_worker import help_to_train, join
from tfvp.experiment.programs import keep_programs
from tfvp.experiment.train import train
from tfvp.export.model_card import write_card
from tfvp.export.saved_model import export_saved_model, save_keras_file
from tfvp.inference.predictor import no_prediction, trained_network
from tfvp.reporting.evaluated_run import read_evaluated_run
from tfvp.reporting.render.markdown_console import console as console_table
from tfvp.reporting.report import HTML, write_report
from tfvp.reporting.tables.runs import runs_table
from tfvp.reporting.tables.table import transposed


def run_stages(job: Job, stages: tuple[str, ...]) -> None:
    """Run stages in their order, after checking what can be checked before any work is done.

    Raises:
        UserError: whatever the user can mend, see `tfvp.errors`.
    """
    check_backend(stages)
    if stages != ("prepare",):
        keep_programs(job)
    job = replace(job, workers=join(job, stages))
    with job.workers.losses_explained():
        if job.workers.is_chief:
            _run_stages(job, stages)
        else:
            help_to_train(job)


def _run_stages(job: Job, stages: tuple[str, ...]) -> None:
    if "train" in stages:
        job.check_can_train()
        if not job.resume:
            check_first_weights(job.experiment)  # now, as preparing the data may take hours
    elif stages != ("prepare",):
        job.check_same_experiment()
    checked = False
    for name, stage in STAGES.items():
        if name in stages:
            if name in _SPLITS and not checked:  # before hours of training, not after
                _check_splits(job, stages)
                checked = True
            job.console.rule(f"{name}: {job.experiment.name}", align="left", style="dim")
            stage(job)
    job.say(f"everything is in {job.run.root}" if stages != ("prepare",) else "prepared")


def _check_splits(job: Job, stages: tuple[str, ...]) -> None:
    """Make sure that the data have every split that the stages read, or raise a DataError."""
    prepared = job.open_data()
    for split in (split for name in stages for split in _SPLITS.get(name, ())):
        prepared.split(split)


def usual_stages(job: Job) -> tuple[str, ...]:
    """All stages that can be run here; says which one cannot, before anything is done."""
    if KERAS_BACKEND != "jax":
        return tuple(STAGES)
    job.say(
        "no export: a SavedModel needs TensorFlow; export the run afterwards with "
        "KERAS_BACKEND=tensorflow and --stages export"
    )
    return tuple(name for name in STAGES if name != "export")


def check_backend(stages: tuple[str, ...]) -> None:
    """Make sure that Keras runs on what the stages need, or raise a ConfigError."""
    if KERAS_BACKEND != "tensorflow" and "export" in stages:
        raise ConfigError(
            "the export stage writes a SavedModel and needs KERAS_BACKEND=tensorflow; under JAX "
            "ask for other stages and export the run afterwards"
        )


def prepare_stage(job: Job) -> None:
    """Write the data's records, or check those that are there."""
    prepared = prepare(job.experiment.data, report=job.say, console=job.console)
    for line in prepared.terms:
        job.say(line)
    job.say(f"data: {prepared.folder}")


def report_stage(job: Job) -> None:
    """Write the report and print its rows."""
    write_report(job.run)
    table = runs_table([read_evaluated_run(job.run)])
    shown = console_table(transposed(table), job.console.width)
    job.console.print(shown, soft_wrap=False)
    job.say(f"report: {job.run.report_path}, {job.run.root / HTML}")


def export_stage(job: Job) -> None:
    """Export the evaluated weights as a SavedModel, and as a Keras file to go on from."""
    predictor, step = trained_network(job.run, job.experiment)
    horizon = job.experiment.data.predict_frames
    folder = job.run.export / "saved_model"
    save_keras_file(predictor, job.run.export / "network.keras")
    if "prediction" not in job.experiment.model.tasks:
        job.say(f"no SavedModel: {no_prediction(job.experiment)}")
        return
    worst = export_saved_model(predictor, horizon, folder)
    write_card(job.run, job.experiment, step)
    job.say(
        f"exported the weights of step {step}: {folder}; reloaded in a fresh process it differs "
        f"by at most {worst:.1e}"
    )


_SPLITS = {"train": ("train", "validation"), "evaluate": ("test",)}
"""The splits that a stage reads."""

STAGES: dict[str, Callable[[Job], None]] = {
    "prepare": prepare_stage,
    "train": train,
    "evaluate": evaluate_own,
    "report": report_stage,
    "export": export_stage,
}
