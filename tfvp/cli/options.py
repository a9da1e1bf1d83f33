"""Options that several commands share, and the experiment that they describe."""

import argparse
from collections.abc import Sequence

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config


def add_config_options(parser: argparse.ArgumentParser, *, run: bool = False) -> None:
    """Add the options that choose and change a configuration; `experiment_of` reads them.

    Args:
        parser: of the command.
        run: it is about a run's folder, whose name can be chosen.
    """
    parser.add_argument(
        "--config",
        required=True,
        metavar="NAME",
        help="a name in configs/, or a path to a YAML file",
    )
    parser.add_argument("--preset", help="one of the presets that the config names, e.g. quick")
    add_set(parser, "change one value, e.g. training.steps=1000; may be repeated")
    if run:
        parser.add_argument("--name", help="name of the run's folder (default: the config's)")
    else:
        parser.set_defaults(name=None)


def add_set(parser: argparse.ArgumentParser, description: str) -> None:
    """Add `--set KEY=VALUE`, which may be repeated; the texts are `arguments.overrides`."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=description,
    )


def experiment_of(arguments: argparse.Namespace, overrides: Sequence[str] = ()) -> Experiment:
    """Load the configuration that the options of `add_config_options` name.

    Args:
        arguments: the parsed command line.
        overrides: `KEY=VALUE`, applied after those of `--set`.

    Raises:
        ConfigError: there is no such configuration or preset, or a value is not allowed.
    """
    return load_config(
        arguments.config,
        preset=arguments.preset,
        overrides=[*arguments.overrides, *overrides],
        name=arguments.name,
    )


def whole_numbers(text: str) -> tuple[int, ...]:
    """Read an option's list of different whole numbers, such as `0,1,2`."""
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 0:
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 0,1,2, got {text!r}")
    if len({*numbers}) < len(numbers):
        raise argparse.ArgumentTypeError(f"expected each number once, got {text!r}")
    return numbers
