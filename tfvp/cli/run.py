"""`tfvp run`: prepare data, train, evaluate, report and export, in one command or step by step."""

import argparse
import json
from typing import Any

from tfvp.cli.console import LineConsole, print_error
from tfvp.cli.options import add_config_options, experiment_of, whole_numbers
from tfvp.config.experiment import Experiment
from tfvp.errors import ConfigError
from tfvp.presets.find import check_start
from tfvp.system.silence import quiet_tensorflow_import

STAGES = ("prepare", "train", "evaluate", "report", "export")


def add_run(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser("run", help="prepare data, train, evaluate, report and export")
    add_config_options(parser, run=True)
    parser.add_argument(
        "--stages",
        type=_stages,
        metavar="A,B",
        help=f"only these of {','.join(STAGES)}, in this order (default: all; under JAX all but "
        "export)",
    )
    parser.add_argument(
        "--seeds",
        type=whole_numbers,
        metavar="A,B",
        help="one run for each of these training seeds, NAME-seedA, NAME-seedB, …; with --resume "
        "complete runs are passed over",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue the run of the same name exactly"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="with --resume: go on although the configuration was changed; the run records what",
    )
    parser.add_argument(
        "--init-from",
        metavar="SOURCE",
        help="start from these weights: a run's folder, preset:NAME (tfvp list presets), a .keras, "
        ".weights.h5, .npz or .safetensors file, or the prefix of a TF1 checkpoint; none: start "
        "afresh whatever the config says",
    )
    parser.add_argument(
        "--init-optimizer",
        action="store_true",
        help="with --init-from: take the optimizer's state too",
    )
    parser.set_defaults(command=_run)


def _stages(text: str) -> tuple[str, ...]:
    """Read `--stages`: names with commas between them, returned in the order of STAGES."""
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown stage {unknown[0]!r}; there are {','.join(STAGES)}"
        )
    return tuple(name for name in STAGES if name in wanted)


def _run(arguments: argparse.Namespace) -> int:
    overrides = []
    if arguments.init_from:
        source = "null" if arguments.init_from == "none" else json.dumps(arguments.init_from)
        overrides.append(f"training.init.source={source}")
    if arguments.init_optimizer:
        overrides.append("training.init.optimizer=true")
    if arguments.force and not arguments.resume:
        raise ConfigError("--force goes with --resume: it continues a run with changed settings")
    experiments = _experiments(arguments, overrides)
    check_start(experiments[0])
    with quiet_tensorflow_import():
        from tfvp.experiment.repeats import run_repeats
        from tfvp.experiment.stages import Job, run_stages, usual_stages
        from tfvp.training.callbacks import Stopped

    console = LineConsole()
    options = {"resume": arguments.resume, "force": arguments.force}
    jobs = [Job(experiment, console, **options) for experiment in experiments]
    try:
        stages = arguments.stages or usual_stages(jobs[0])
        if arguments.seeds:
            run_repeats(jobs, stages)
        else:
            run_stages(jobs[0], stages)
    except Stopped as stopped:
        print_error(f"{stopped}; continue with the same command and --resume")
        return stopped.exit_code
    return 0


def _experiments(arguments: argparse.Namespace, overrides: list[str]) -> list[Experiment]:
    """Return the experiment that is asked for, or with `--seeds` one for each of them."""
    if not arguments.seeds:
        return [experiment_of(arguments, overrides)]
    if any(each.partition("=")[0].strip() == "training.seed" for each in arguments.overrides):
        raise ConfigError("--seeds and --set training.seed both choose the seed; leave out one")
    found = []
    for seed in arguments.seeds:
        each = experiment_of(arguments, [*overrides, f"training.seed={seed}"])
        found.append(each.model_copy(update={"name": f"{each.name}-seed{seed}"}))
    return found
