"""Options that several commands take."""

import argparse


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
