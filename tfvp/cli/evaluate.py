"""`tfvp evaluate`: measure a trained run on its own data, on others, or on a suite of test sets."""

import argparse
from pathlib import Path
from typing import Any

from tfvp.cli.console import LineConsole
from tfvp.cli.data import open_folder
from tfvp.cli.options import add_set
from tfvp.config.evaluation import METRIC_PRESETS
from tfvp.config.loading import leaves, load_resolved
from tfvp.errors import ConfigError
from tfvp.experiment.job import MAY_CHANGE, Job
from tfvp.runs.folder import open_run
from tfvp.system.override import Override
from tfvp.system.silence import quiet_tensorflow_import

SUITES = ("robustness",)


def add_evaluate(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a trained run on its own data, on others, or on a suite of test sets",
        description="As the run's configuration says, its own metrics.json, per_frame.csv, "
        "per_sequence.csv and samples are written anew; results on other data, over other lengths, "
        "with other metrics or on fewer sequences go beside them, to evaluations/ in its folder.",
    )
    parser.add_argument("--run", required=True, metavar="DIR", help="a run's folder")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--data", metavar="DIR", help="a prepared folder, its test split")
    where.add_argument("--suite", choices=SUITES, help="robustness: other digits and characters")
    where.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="predict N frames, however many the run was trained for; needs longer clips, which "
        "are prepared, where they are more",
    )
    parser.add_argument(
        "--metrics",
        metavar="A,B",
        help=f"names of metrics, or one of {', '.join(METRIC_PRESETS)} (default: the run's)",
    )
    parser.add_argument(
        "--sequences", metavar="N", help="measure on the first N sequences only (default: all)"
    )
    add_set(parser, "change a key of evaluation, or data.root or data.prepared")
    parser.set_defaults(command=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    if arguments.steps is not None and arguments.steps < 1:
        raise ConfigError(f"--steps: expected at least 1 frame to predict, got {arguments.steps}")
    job = run_job(arguments.run, _overrides(arguments))
    with quiet_tensorflow_import():
        from tfvp.experiment.evaluate import evaluate_elsewhere, evaluate_own, evaluate_steps
        from tfvp.experiment.evaluate_suite import evaluate_robustness
    if arguments.suite:
        evaluate_robustness(job, job.experiment.evaluation.sequences)
    elif arguments.data:
        evaluate_elsewhere(job, open_folder(Path(arguments.data)))
    elif arguments.steps is not None:
        evaluate_steps(job, arguments.steps)
    else:
        evaluate_own(job)
    return 0


def run_job(folder: str, overrides: list[str]) -> Job:
    """Make a job that works on an existing run, wherever its folder lies now.

    Raises:
        RunError: the folder is not a run's.
        ConfigError: an override is wrong, or would change what was trained.
    """
    run = open_run(folder)
    before = load_resolved(run.config_path)
    now = load_resolved(run.config_path, overrides)
    old = dict(leaves(before.model_dump(mode="json")))
    how_it_predicts = tuple(f"model.{key}" for key in before.model.prediction_keys)
    may_change = (*MAY_CHANGE, "data.prepared", *how_it_predicts)
    for key, value in leaves(now.model_dump(mode="json")):
        if old.get(key) != value and not key.startswith(may_change):
            raise ConfigError(
                f"--set {key}: a trained run cannot be changed; expected a key of evaluation, "
                f"{', '.join((*how_it_predicts, 'data.root'))} or data.prepared"
            )
    places = {"results": run.root.absolute().parent, "name": run.name}
    return Job(now.model_copy(update=places), LineConsole())


def _overrides(arguments: argparse.Namespace) -> list[str]:
    """The `KEY=VALUE` texts of --set, --metrics and --sequences."""
    overrides = list(arguments.overrides)
    if arguments.metrics is not None:
        names = arguments.metrics
        chosen = names if names in METRIC_PRESETS else f"[{names}]"
        overrides.append(Override(f"evaluation.metrics={chosen}", "--metrics"))
    if arguments.sequences is not None:
        given = f"evaluation.sequences={arguments.sequences}"
        overrides.append(Override(given, "--sequences"))
    return overrides
