"""Writes report.html: one file that needs no network, with sortable tables and a gallery."""

import json
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfvp.config.loading import leaves, load_resolved
from tfvp.reporting.evaluated_run import EvaluatedRun, comparable, metrics_of
from tfvp.reporting.figures.figures import Picture
from tfvp.reporting.figures.frame_curves import frame_legend
from tfvp.reporting.figures.gallery import gallery, png_uri, svg_uri
from tfvp.reporting.figures.style import svg
from tfvp.reporting.pages.contents import Contents, text_of
from tfvp.reporting.robustness import robustness_table
from tfvp.reporting.tables.runs import by_frame_table, runs_table
from tfvp.runs.folder import Run
from tfvp.runs.provenance import read_provenance
from tfvp.system.files import write_text

GENERATOR = "tfvp report"


def write_html(path: Path, title: str, contents: Contents) -> Path:
    """Write the page of one or several evaluated runs; an old page is replaced at once.

    Raises:
        RunError: a file of a run is missing or damaged.
        ConfigError: a run's config.yaml is damaged.
    """
    groups = comparable(contents.evaluated)
    suites = contents.suites
    text = (
        environment()
        .get_template("page.html")
        .render(
            title=title,
            generator=GENERATOR,
            style=Markup(asset("page.css")),
            script=Markup(asset("page.js")),
            labels=_labels(contents.evaluated),
            results=[runs_table(group) for group in groups],
            paired=contents.paired,
            several=len(groups) > 1,
            by_metric=list(_by_metric(groups, contents.pictures)),
            others=[p for p in contents.pictures if not p.name.startswith("per_frame_")],
            robustness=robustness_table(suites) if suites else None,
            literature=contents.tables,
            clips=_json(gallery(groups)),
            any_clips=any(each.samples for each in contents.evaluated),
            provenance=[
                (evaluated.name, list(_provenance(run)))
                for evaluated, run in zip(contents.evaluated, contents.runs, strict=True)
            ],
        )
    )
    write_text(path, text)
    return path


def environment() -> Environment:
    """Make the environment of the pages' templates, with their filter `uri` for pictures."""
    environment = Environment(
        loader=PackageLoader("tfvp.reporting.pages", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["uri"] = _uri
    environment.filters["svg_uri"] = svg_uri
    return environment


def _uri(picture: Picture) -> str:
    return png_uri(picture.png) if picture.svg is None else svg_uri(picture.svg)


def asset(name: str) -> str:
    """Read a file that is built into every page."""
    return (resources.files("tfvp.reporting.pages") / "assets" / name).read_text(encoding="utf-8")


def _labels(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Return the labels of the runs, each once."""
    labels = dict.fromkeys(run.metrics.metadata.label for run in runs)
    return [label for label in labels if label]


def _by_metric(
    groups: Sequence[Sequence[EvaluatedRun]], pictures: Sequence[Picture]
) -> Iterator[dict[str, Any]]:
    """Yield each group's legend, and the chart of each metric by frame with its numbers."""
    curves = iter(p for p in pictures if p.name.startswith("per_frame_"))
    for group in groups:
        yield {
            "data": group[0].metrics.metadata.data,
            "sequences": group[0].metrics.protocol.sequences,
            "legend": svg(frame_legend(group)),
            "charts": [(next(curves), by_frame_table(m, group)) for m in metrics_of(group)],
        }


def _provenance(run: Run) -> Iterator[tuple[str, str]]:
    """List the provenance of a run and every setting, as key and text."""
    for key, value in leaves(read_provenance(run)):
        if value is not None:
            yield key, text_of(value)
    for key, value in leaves(load_resolved(run.config_path).model_dump(mode="json")):
        yield key, text_of(value)


def _json(value: Any) -> Markup:
    """Encode as JSON for a script element, escaped so that nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
