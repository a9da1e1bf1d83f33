"""Writes the report of a run, and the page that compares several runs."""

import re
from collections.abc import Sequence
from pathlib import Path

from tfvp.errors import RunError
from tfvp.reporting.evaluated_run import names
from tfvp.reporting.figures.figures import Picture, write_pictures
from tfvp.reporting.pages.contents import read_contents
from tfvp.reporting.pages.html import GENERATOR, write_html
from tfvp.reporting.pages.markdown import write_markdown
from tfvp.runs.folder import Run

# The figures that a report writes, and so may remove when a later report has no use for them.
_OURS = re.compile(r"(per_frame|boxes|strip|robustness|budget)_\w+\.png|training\.png")
HTML = "report.html"


def write_report(run: Run) -> Path:
    """Draw a run's figures and write its report.md and report.html from the files in its folder.

    Raises:
        RunError: the run was not evaluated, or one of its files is damaged.
        ConfigError: the run's config.yaml is damaged.
    """
    contents = read_contents([run])
    _replace_pictures(run.figures, contents.pictures)
    write_html(run.root / HTML, contents.evaluated[0].metrics.metadata.title, contents)
    return write_markdown(run, contents)


def write_comparison(runs: Sequence[Run], folder: Path, metric: str | None = None) -> Path:
    """Write report.html and figures/ for several runs into a folder.

    Runs that were measured on the same sequences share tables and figures; others are shown apart.

    Args:
        runs: evaluated runs with different names.
        folder: it is made if it is not there; an earlier comparison in it is replaced.
        metric: of the figures that show one; None: that of the runs' published table.

    Raises:
        RunError: a run was not evaluated, one of its files is damaged, or the folder holds
            something else.
        ConfigError: a run's config.yaml is damaged.
    """
    _check_names(runs)
    page = folder / HTML
    _refuse_foreign(folder, page)
    contents = read_contents(runs, metric)
    folder.mkdir(parents=True, exist_ok=True)
    _replace_pictures(folder / "figures", contents.pictures)
    title = f"Comparison of {', '.join(names(contents.evaluated))}"
    return write_html(page, title, contents)


def _replace_pictures(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write the pictures and remove those of an earlier report that are no longer drawn."""
    write_pictures(folder, pictures)
    written = {f"{picture.name}.png" for picture in pictures}
    for old in folder.iterdir():
        if _OURS.fullmatch(old.name) and old.name not in written:
            old.unlink()


def _check_names(runs: Sequence[Run]) -> None:
    """Raise RunError if a run is given twice, by whatever path."""
    places = [run.root.resolve() for run in runs]
    twice = [run for run, place in zip(runs, places, strict=True) if places.count(place) > 1]
    if twice:
        raise RunError(f"{twice[0].root} is given twice; each run stands once in a comparison")


def _refuse_foreign(folder: Path, page: Path) -> None:
    """Raise RunError if the folder holds something that a comparison did not write."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; choose another --out")
    if folder.is_dir() and any(folder.iterdir()):
        ours = page.is_file() and f'content="{GENERATOR}"' in page.read_text("utf-8", "replace")
        if not ours or (folder / "config.yaml").exists():
            raise RunError(f"{folder} holds something that is no comparison; choose another --out")
