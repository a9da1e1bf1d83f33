"""The `tfvp` command."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from tfvp.cli.compare import add_compare
from tfvp.cli.data import add_data_commands
from tfvp.cli.evaluate import add_evaluate
from tfvp.cli.export import add_export
from tfvp.cli.import_weights import add_import
from tfvp.cli.listing import add_list
from tfvp.cli.options import add_set
from tfvp.cli.predict import add_predict
from tfvp.cli.profile import add_profile
from tfvp.cli.report import add_report
from tfvp.config.experiment import Experiment
from tfvp.config.loading import explain, load_config
from tfvp.errors import ConfigError, UserError
from tfvp.system.signals import TerminatedError, sigterm_interrupts
from tfvp.system.silence import quiet_tensorflow_import, silence_decoders

STAGES = ("prepare", "train", "evaluate", "report", "export")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="tfvp", description="Video prediction with TensorFlow and Keras 3."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="prepare data, train, evaluate, report and export")
    _add_config_options(run)
    run.add_argument(
        "--stages",
        type=_stages,
        default=STAGES,
        metavar="A,B",
        help=f"only these of {','.join(STAGES)}, in this order (default: all)",
    )
    run.add_argument(
        "--resume", action="store_true", help="continue the run of the same name exactly"
    )
    run.add_argument(
        "--force",
        action="store_true",
        help="with --resume: go on although the configuration was changed; the run records what",
    )
    _add_start_options(run)
    run.set_defaults(command=_run)

    _add_config(commands)
    add_import(commands, _add_config_options, _experiment)
    add_list(commands)
    add_profile(commands, _add_config_options, _experiment)
    add_compare(commands)
    add_report(commands)
    add_data_commands(commands)
    add_evaluate(commands)
    add_predict(commands)
    add_export(commands)
    return parser


def _add_config(commands: Any) -> None:
    config = commands.add_parser("config", help="show what a configuration comes to")
    _add_config_options(config)
    config.add_argument(
        "--explain", action="store_true", help="print each value and where it came from"
    )
    config.set_defaults(command=_config)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. A user's mistake is one message, not a traceback."""
    arguments = build_parser().parse_args(argv)
    silence_decoders()
    try:
        with sigterm_interrupts():
            return arguments.command(arguments)
    except UserError as error:
        _complain(f"error: {error}")
        return error.exit_code
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "tensorflow":
            raise
        _complain("error: this needs TensorFlow, which is not installed; pip install tensorflow")
        return 1
    except OSError as error:  # no room, no permission, ...
        _complain(f"error: {error.filename or 'system'}: {error.strerror or error}")
        return 1
    except TerminatedError as ended:
        _complain("terminated")
        return ended.exit_code
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130


def _complain(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(
        text, style="bold red", highlight=False, markup=False
    )


class _Version(argparse.Action):
    def __call__(self, parser, *_):
        from tfvp import __version__

        print(f"tfvp {__version__}")
        parser.exit()


def _add_config_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        required=True,
        metavar="NAME",
        help="a name in configs/, or a path to a YAML file",
    )
    parser.add_argument("--preset", help="one of the presets that the config names, e.g. quick")
    add_set(parser, "change one value, e.g. training.steps=1000; may be repeated")
    parser.add_argument("--name", help="name of the run's folder (default: the config's)")


def _add_start_options(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--init-from",
        metavar="SOURCE",
        help="start from these weights: a run's folder, a .keras, .weights.h5 or .npz file, or the "
        "prefix of a TF1 checkpoint; none: start afresh whatever the config says",
    )
    run.add_argument(
        "--init-optimizer",
        action="store_true",
        help="with --init-from: take the optimizer's state too",
    )


def _stages(text: str) -> tuple[str, ...]:
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown stage {unknown[0]!r}; there are {','.join(STAGES)}"
        )
    return tuple(name for name in STAGES if name in wanted)


def _experiment(arguments: argparse.Namespace, overrides: Sequence[str] = ()) -> Experiment:
    return load_config(
        arguments.config,
        preset=arguments.preset,
        overrides=[*arguments.overrides, *overrides],
        name=arguments.name,
    )


def _run(arguments: argparse.Namespace) -> int:
    overrides = []
    if arguments.init_from:
        source = "null" if arguments.init_from == "none" else json.dumps(arguments.init_from)
        overrides.append(f"training.init.source={source}")
    if arguments.init_optimizer:
        overrides.append("training.init.optimizer=true")
    if arguments.force and not arguments.resume:
        raise ConfigError("--force goes with --resume: it continues a run with changed settings")
    experiment = _experiment(arguments, overrides)
    with quiet_tensorflow_import():
        from tfvp.experiment.stages import Job, run_stages
        from tfvp.training.callbacks import Stopped

    console = Console(soft_wrap=True)
    try:
        job = Job(experiment, console, resume=arguments.resume, force=arguments.force)
        run_stages(job, arguments.stages)
    except Stopped as stopped:
        _complain(f"{stopped}; continue with the same command and --resume")
        return stopped.exit_code
    return 0


def _config(arguments: argparse.Namespace) -> int:
    if not arguments.explain:
        from tfvp.config.loading import dump

        sys.stdout.write(dump(_experiment(arguments)))
        return 0
    settings = explain(
        arguments.config,
        preset=arguments.preset,
        overrides=arguments.overrides,
        name=arguments.name,
    )
    width = max(len(setting.key) for setting in settings)
    for setting in settings:
        print(f"{setting.key:<{width}}  {setting.value!s:<24}  {setting.origin}")
    return 0
