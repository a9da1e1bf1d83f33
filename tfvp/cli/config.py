"""`tfvp config`: what a configuration comes to once presets and changes are applied."""

import argparse
import json
import shutil
import sys
import textwrap
from typing import Any

from tfvp.cli.options import add_config_options, experiment_of
from tfvp.config.loading import dump, explain


def add_config(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser("config", help="show what a configuration comes to")
    add_config_options(parser, run=True)
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print each value, where it came from and what it means",
    )
    parser.set_defaults(command=_config)


def _config(arguments: argparse.Namespace) -> int:
    if not arguments.explain:
        sys.stdout.write(dump(experiment_of(arguments)))
        return 0
    settings = explain(
        arguments.config,
        preset=arguments.preset,
        overrides=arguments.overrides,
        name=arguments.name,
    )
    width = max(len(setting.key) for setting in settings)
    columns = shutil.get_terminal_size().columns
    for setting in settings:
        value = setting.value if isinstance(setting.value, str) else json.dumps(setting.value)
        print(f"{setting.key:<{width}}  {value:<24}  {setting.origin}")
        for line in textwrap.wrap(setting.meaning, columns - 4, break_long_words=False):
            print(f"    {line}")
    return 0
