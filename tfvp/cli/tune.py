"""`tfvp tune`: search for settings of a configuration, judged on the validation split."""

import argparse
from typing import Any, get_args

from tfvp.cli.console import LineConsole, print_error
from tfvp.cli.options import add_config_options, experiment_of, whole_numbers
from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError
from tfvp.system.silence import quiet_tensorflow_import
from tfvp.tuning.plan import Plan, Sampler
from tfvp.tuning.space import find_space, read_space
from tfvp.tuning.study import import_optuna

PRUNERS = ("median", "none")


def add_tune(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "tune",
        help="search for settings of a configuration, judged on validation",
        description="Makes results/NAME/ with study.db, a run folder for each trial, best.yaml and "
        "report.html. The best trial is measured on the test split once, when all are done.",
    )
    add_config_options(parser, run=True)
    parser.add_argument(
        "--space", required=True, metavar="FILE", help="what to vary: a YAML file, or a bare name"
    )
    parser.add_argument(
        "--trials", required=True, type=_positive, metavar="N", help="settings to try in all"
    )
    parser.add_argument(
        "--sampler",
        choices=get_args(Sampler),
        default="tpe",
        help="grid: all combinations; one_at_a_time: the configuration, then each value of each "
        "key alone (default: tpe)",
    )
    parser.add_argument(
        "--pruner",
        choices=PRUNERS,
        help="median: end trials early whose validation is above the median of those before at "
        "the same step (default: median for tpe and random, else none)",
    )
    _add_repeats_and_place(parser)
    parser.set_defaults(command=_tune)


def _add_repeats_and_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seeds",
        type=whole_numbers,
        default=(),
        metavar="A,B",
        help="train the best setting with these seeds too: how much the seed alone changes",
    )
    parser.add_argument(
        "--storage",
        default="",
        metavar="URL",
        help="of a database that several machines share, as SQLAlchemy reads it (default: "
        "study.db in the search's folder, for any number of processes on one machine)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the search of the same name, or join the processes that are at it",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def _tune(arguments: argparse.Namespace) -> int:
    import_optuna()
    plan = _plan(arguments)
    with quiet_tensorflow_import():
        from tfvp.training.callbacks import Stopped
        from tfvp.tuning.search import search
        from tfvp.tuning.trial import usual_work

    console = LineConsole()
    try:
        search(plan, usual_work(console, console.print_line), resume=arguments.resume)
    except Stopped as stopped:
        print_error(f"{stopped}; go on with the same command and --resume")
        return stopped.exit_code
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    """Read what is asked for; raises ConfigError before any data are read."""
    base = experiment_of(arguments)
    if base.training.distribution == "multi_worker":
        raise ConfigError(
            "training.distribution: multi_worker trains one run on several machines; a search "
            "takes one process a trial: start it on each machine with the same --storage"
        )

    def load(changes: list[str]) -> Experiment:
        both = [*arguments.overrides, *changes]
        return load_config(arguments.config, preset=arguments.preset, overrides=both)

    path = find_space(arguments.space)
    space = read_space(path, load)
    if arguments.sampler == "one_at_a_time":  # which begins at the configuration itself
        space = [parameter.including(parameter.stored(base)) for parameter in space]
    pruner = arguments.pruner or ("median" if arguments.sampler in ("tpe", "random") else "none")
    return Plan(
        name=arguments.name or f"{base.name}-{path.stem}",
        base=base,
        load=load,
        space=space,
        trials=arguments.trials,
        sampler=arguments.sampler,
        pruned=pruner == "median",
        seeds=arguments.seeds,
        storage=arguments.storage,
    )
