"""Measures a run on every test set of a suite."""

from pathlib import Path

from tfvp.config.loading import load_resolved
from tfvp.data.prepare import prepare
from tfvp.errors import ConfigError, DataError, RunError
from tfvp.evaluation.measurement import suite_home
from tfvp.evaluation.suites.robustness import Plan, robustness_plans
from tfvp.evaluation.suites.schema import INDEX, Case, Suite, case_folder
from tfvp.experiment.evaluate import Trained, check_clips, check_fits, load_trained, measure
from tfvp.experiment.job import Job
from tfvp.inference.predictor import no_prediction
from tfvp.system.files import write_json


def evaluate_robustness(job: Job, sequences: int | None) -> Path:
    """Measure the run on every test set of the robustness suite that can be made.

    Args:
        job: the job whose run is measured.
        sequences: the number of clips of every test set; None: that of the run's own test split.

    Returns:
        The folder evaluations/robustness/ of the run, with suite.json in it; where a suite lies
        there that was measured with other settings, a folder beside it.

    Raises:
        ConfigError: the run was not trained on moving digits, or predicts nothing.
        RunError: no test set could be made.
    """
    if "prediction" not in job.experiment.model.tasks:
        raise ConfigError(no_prediction(job.experiment))
    own = job.open_data()
    plans = robustness_plans(
        job.experiment.data, own.facts.get("digits_source", "mnist"), sequences
    )
    for plan in plans:
        check_clips(job, plan.data.sequences("test") or 0)
    trained = load_trained(job)
    home = suite_home(job.run, load_resolved(job.run.config_path), job.experiment)
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
        check_fits(job, prepared)
    except DataError as error:
        job.say(f"skipped: {error}")
        return plan.case.model_copy(update={"skipped": str(error)})
    folder = case_folder(home, plan.case)
    measure(job, trained, prepared, folder, history=plan.history, elsewhere=True)
    return plan.case
