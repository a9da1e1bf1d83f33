"""Writes a run's report.md: its settings and results, the literature beside them, pictures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfvp.config.loading import leaves, load_resolved
from tfvp.evaluation.samples import Sample
from tfvp.evaluation.schema import Protocol
from tfvp.reporting.evaluated_run import EvaluatedRun, given_frames
from tfvp.reporting.figures.figures import TRAINING, Picture
from tfvp.reporting.pages.contents import Contents, described, text_of
from tfvp.reporting.render.markdown_console import escaped, markdown
from tfvp.reporting.robustness import robustness_table
from tfvp.reporting.tables.runs import by_frame_table, runs_table
from tfvp.reporting.tables.table import Table
from tfvp.runs.folder import Run
from tfvp.runs.provenance import read_provenance
from tfvp.system.files import write_text

_SECTIONS = ("data", "model", "training", "evaluation")


def write_markdown(run: Run, contents: Contents) -> Path:
    """Write a run's report.md, which links the pictures of its figures and samples folders.

    Raises:
        RunError: a file of the run is missing or damaged.
        ConfigError: the run's config.yaml is damaged.
    """
    (evaluated,) = contents.evaluated
    settings = load_resolved(run.config_path).model_dump(mode="json")
    curves = {p.metric: p for p in contents.pictures if p.name.startswith("per_frame_")}
    training = [p for p in contents.pictures if p.name == TRAINING]
    others = [p for p in contents.pictures if p not in (*curves.values(), *training)]
    suites = contents.suites
    parts = [
        *_opening(evaluated),
        "## Result\n",
        _titled(runs_table([evaluated])),
        "## The literature's tables\n",
        *(_titled(table) for table in contents.tables),
        "## Frame by frame\n",
        *_frame_by_frame(run, evaluated, curves),
        *(_figure(run, picture) for picture in others),
        *(["## Robustness\n", markdown(robustness_table(suites))] if suites else []),
        *_gallery(run, evaluated.samples, evaluated.metrics.protocol),
        *(["## Training\n"] if training else []),
        *(_figure(run, picture) for picture in training),
        "## Settings\n",
        "Every value is in [config.yaml](config.yaml).\n",
        _list((s, _flat_text(settings[s])) for s in _SECTIONS if s in settings),
        "## Provenance\n",
        _list(
            (key, text_of(value))
            for key, value in leaves(read_provenance(run))
            if value is not None
        ),
    ]
    write_text(run.report_path, "\n".join(parts))
    return run.report_path


def _opening(evaluated: EvaluatedRun) -> list[str]:
    """Write the title, the label and the metadata of the evaluation."""
    metadata = evaluated.metrics.metadata
    label = [f"> **{escaped(metadata.label)}**\n"] if metadata.label else []
    listed = [("run", evaluated.name), *described(metadata)]
    return [f"# {escaped(metadata.title)}\n", *label, _list(listed)]


def _titled(table: Table) -> str:
    return f"### {escaped(table.title)}\n\n{markdown(table)}"


def _frame_by_frame(
    run: Run, evaluated: EvaluatedRun, curves: Mapping[str | None, Picture]
) -> Iterator[str]:
    """Write for each metric its curves and its table of frames and methods."""
    for metric in evaluated.metrics.metrics:
        table = by_frame_table(metric, [evaluated])
        yield f"### {table.title}\n"
        yield _figure(run, curves[metric])
        yield markdown(table).rstrip() + "\n"


def _gallery(run: Run, samples: Sequence[Sample], protocol: Protocol) -> list[str]:
    """Link the filmstrip and the animation of each sample clip."""
    if not samples:
        return []
    if protocol.task == "prediction":
        colours, what = "(blue), the rest is predicted (orange)", "prediction"
    else:
        what = "reconstruction"
        colours = "(gray), and shown as the network gives them back (orange)"
    parts = [
        "## Samples\n",
        f"Clips of the test split, by their index in it; {given_frames(protocol)} {colours}.\n",
    ]
    for sample in samples:
        name = f"test clip {sample.clip}"
        parts += [
            f"### Test clip {sample.clip}: {escaped(sample.note)}\n",
            _picture(run, run.samples / sample.filmstrip, f"{name}, truth, {what} and error"),
            _picture(run, run.samples / sample.animation, f"{name}, truth beside {what}"),
        ]
    return parts


def _figure(run: Run, picture: Picture) -> str:
    return _picture(run, run.figures / f"{picture.name}.png", picture.alternative)


def _picture(run: Run, path: Path, alternative: str) -> str:
    return f"![{escaped(alternative)}]({path.relative_to(run.root).as_posix()})\n"


def _list(pairs: Iterable[tuple[str, str]]) -> str:
    lines = [f"- {escaped(key)}: {escaped(value)}" for key, value in pairs]
    return "\n".join(lines) + "\n"


def _flat_text(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {text_of(value)}" for key, value in leaves(values))
