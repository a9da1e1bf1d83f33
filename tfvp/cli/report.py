"""`tfvp report`, `tfvp compare` and `tfvp claims`: tables and pages of evaluated runs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfvp.config.evaluation import METRIC_PRESETS
from tfvp.errors import RunError
from tfvp.runs.folder import open_run
from tfvp.system.files import write_text

FORMATS = ("console", "markdown", "latex", "csv")


def add_report(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser("report", help="print the literature's tables with our runs")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="folders of evaluated runs")
    parser.add_argument(
        "--table",
        nargs="+",
        metavar="ID",
        help="tables of results/published.yaml (default: those that concern the runs)",
    )
    parser.add_argument(
        "--all", action="store_true", help="print every table, also those without these runs"
    )
    parser.add_argument("--format", choices=FORMATS, default="console", help="default: console")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file (default: print)")
    parser.add_argument(
        "--record",
        action="store_true",
        help="keep what the runs measured in the folder of reference runs, instead of printing",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        metavar="FILE",
        help="write the table of all reference runs into this page, instead of printing",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FOLDER",
        help="with --record or --readme: of the reference runs (default: results/reference)",
    )
    parser.set_defaults(command=_report)


def add_compare(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser("compare", help="make one page over several evaluated runs")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of evaluated runs")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        metavar="DIR",
        help="folder for report.html and its figures (default: comparison)",
    )
    parser.add_argument(
        "--metric",
        choices=METRIC_PRESETS["all"],
        help="of the box plots and the robustness figures (default: that of the runs' table)",
    )
    parser.set_defaults(command=_compare)


def add_claims(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "claims",
        help="judge claims of the literature by several evaluated runs",
        description="Compares the runs of a claim's configurations on the same test sequences; a "
        "verdict takes runs of several seeds (tfvp run --seeds).",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of evaluated runs")
    parser.add_argument(
        "--claims",
        type=Path,
        metavar="FILE",
        help="a file like results/claims.yaml (default: that one)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a new .html page or .md file (default: print)"
    )
    parser.set_defaults(command=_claims)


def _report(arguments: argparse.Namespace) -> int:
    if arguments.record or arguments.readme or arguments.reference:
        return _keep(arguments)
    return _print_tables(arguments)


def _keep(arguments: argparse.Namespace) -> int:
    from tfvp.reporting.evaluated_run import read_evaluated_run
    from tfvp.reporting.readme import write_readme
    from tfvp.reporting.reference import record, reference_folder

    if arguments.table or arguments.all or arguments.out or arguments.format != FORMATS[0]:
        raise RunError(
            "--record and --readme print no tables: no --table, --all, --format or --out"
        )
    if arguments.readme and arguments.runs and not arguments.record:
        raise RunError("--readme shows all reference runs; --record RUN adds one to them")
    if arguments.reference and not (arguments.record or arguments.readme):
        raise RunError("--reference goes with --record or --readme")
    if arguments.record and not arguments.runs:
        raise RunError("--record: expected the folders of evaluated runs")
    folder = arguments.reference or reference_folder()
    for evaluated in [read_evaluated_run(open_run(run)) for run in arguments.runs]:
        print(record(evaluated, folder))
    if arguments.readme:
        write_readme(arguments.readme, folder)
        print(arguments.readme)
    return 0


def _print_tables(arguments: argparse.Namespace) -> int:
    from tfvp.reporting.evaluated_run import read_evaluated_runs
    from tfvp.reporting.tables.literature import concerning, literature_table
    from tfvp.reporting.tables.published import load_published

    _refuse_old(arguments.out)
    if arguments.all and arguments.table:
        raise RunError("--all prints every table, --table some of them; leave out one")
    chosen = _chosen(load_published().tables, arguments.table)
    runs = read_evaluated_runs([open_run(run) for run in arguments.runs])
    if runs and not (arguments.all or arguments.table):
        chosen = concerning(chosen, runs)
        if not chosen:
            raise RunError("no published table is about the data of these runs; --all prints all")
    tables = {published.id: literature_table(published, runs) for published in chosen}
    text = _rendered(tables, arguments.format)
    if arguments.out:
        write_text(arguments.out, text)
        print(arguments.out)
    else:
        sys.stdout.write(text)
    return 0


def _chosen(tables: Sequence[Any], ids: Sequence[str] | None) -> list[Any]:
    """Choose the tables of these ids, in the order of the file; raises RunError."""
    known = [table.id for table in tables]
    for unknown in (each for each in ids or () if each not in known):
        raise RunError(f"no table {unknown!r}; expected one of {', '.join(known)}")
    return [table for table in tables if ids is None or table.id in ids]


def _rendered(tables: dict[str, Any], form: str) -> str:
    from rich.console import Console

    from tfvp.reporting.render.csv_latex import LATEX_HEAD, comma_separated, latex
    from tfvp.reporting.render.markdown_console import console, markdown

    if form == "console":
        screen = Console()
        with screen.capture() as captured:
            for table in tables.values():
                screen.print(console(table, screen.width))
        return captured.get()
    if form == "csv":
        return comma_separated(tables)
    if form == "latex":
        return "\n".join([LATEX_HEAD, *map(latex, tables.values())])
    return "\n".join(f"## {t.title}\n\n{markdown(t)}" for t in tables.values())


def _compare(arguments: argparse.Namespace) -> int:
    from tfvp.reporting.evaluated_run import read_evaluated_runs
    from tfvp.reporting.pages.contents import paired_tables
    from tfvp.reporting.report import write_comparison

    runs = [open_run(run) for run in arguments.runs]
    page = write_comparison(runs, arguments.out, arguments.metric)
    paired = paired_tables(read_evaluated_runs(runs), arguments.metric)
    sys.stdout.write(_rendered({table.title: table for table in paired}, "console"))
    print(page)
    return 0


def _claims(arguments: argparse.Namespace) -> int:
    from tfvp.reporting.claims import claims_table, load_claims
    from tfvp.reporting.evaluated_run import read_evaluated_runs
    from tfvp.reporting.pages.plain import Part, write_plain
    from tfvp.reporting.render.markdown_console import markdown

    out = arguments.out
    if out and out.suffix not in (".html", ".md"):
        raise RunError(f"--out {out}: expected a name that ends with .html or .md")
    _refuse_old(out)
    claims = load_claims(arguments.claims)
    runs = read_evaluated_runs([open_run(run) for run in arguments.runs])
    table = claims_table(claims, runs)
    if not out:
        sys.stdout.write(_rendered({"claims": table}, "console"))
        return 0
    if out.suffix == ".md":
        write_text(out, f"# {table.title}\n\n{markdown(table)}")
    else:
        said = f"By the runs {', '.join(run.name for run in runs)}."
        parts = [Part("Comparisons on the same test sequences", tables=[table])]
        write_plain(out, table.title, [said], parts, generator="tfvp claims")
    print(out)
    return 0


def _refuse_old(out: Path | None) -> None:
    if out and out.exists():
        raise RunError(f"{out} exists; choose another --out")
