"""`tfvp compare`: one page over several runs."""

import argparse
from pathlib import Path
from typing import Any

from tfvp.runs.folder import open_run


def add_compare(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("compare", help="make one page over several evaluated runs")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of evaluated runs")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        metavar="DIR",
        help="folder for report.html and its figures (default: comparison)",
    )
    parser.set_defaults(command=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    from tfvp.reporting.report import write_comparison

    page = write_comparison([open_run(run) for run in arguments.runs], arguments.out)
    print(page)
    return 0
