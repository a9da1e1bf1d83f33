"""Writes a run's report.md: what was run, what came out, the literature beside it, pictures."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfvp.config_files import load_resolved
from tfvp.evaluation.record import MODEL, FrameRow, read_frames
from tfvp.evaluation.samples import Sample, read_samples
from tfvp.provenance import read_provenance
from tfvp.reporting.figures import frame_figures, training_figure
from tfvp.reporting.literature import literature_table
from tfvp.reporting.published import load_published
from tfvp.reporting.render import escaped, markdown
from tfvp.reporting.tables import (
    Measured,
    Row,
    Section,
    Table,
    method_title,
    number_text,
    read_measured,
    run_table,
)
from tfvp.runs import Run, write_text

_FACTS_SHOWN_ELSEWHERE = {"title", "label", "data_settings"}
_SECTIONS = ("data", "model", "training", "evaluation")


def write_report(run: Run, others: Sequence[Run] = (), published: Path | None = None) -> Path:
    """Draw the run's figures and write its report.md from the files in its folder.

    Args:
        run: an evaluated run.
        others: further evaluated runs to put into the literature's tables.
        published: results/published.yaml; default the project's own.

    Raises:
        RunError: the run was not evaluated, or one of its files is damaged.
        ConfigError: its config.yaml is damaged.
    """
    measured, frames = read_measured(run), read_frames(run.per_frame_path)
    all_measured = [measured, *(read_measured(other) for other in others)]
    tables = [literature_table(t, all_measured) for t in load_published(published).tables]
    samples = read_samples(run.samples)
    settings = load_resolved(run.config_path).model_dump(mode="json")
    provenance = read_provenance(run)
    training = training_figure(run)
    parts = [
        *_opening(measured),
        "## Result\n",
        _titled(run_table(measured, frames)),
        "## The literature's tables\n",
        *(_titled(table) for table in tables),
        "## Frame by frame\n",
        *_frame_by_frame(run, measured, frames),
        *_gallery(run, samples, measured.metrics.protocol.context_frames),
        *(["## Training\n", _picture(run, training, "training curves")] if training else []),
        "## Settings\n",
        "Every value is in [config.yaml](config.yaml).\n",
        _list((s, _flat_text(settings[s])) for s in _SECTIONS if s in settings),
        "## Provenance\n",
        _list((key, _text(value)) for key, value in _flat(provenance)),
    ]
    write_text(run.report_path, "\n".join(parts))
    return run.report_path


def _opening(measured: Measured) -> list[str]:
    """Title, label and the facts of the evaluation."""
    facts = measured.metrics.facts
    shown = facts.model_dump(mode="json", exclude=_FACTS_SHOWN_ELSEWHERE)
    label = [f"> **{escaped(facts.label)}**\n"] if facts.label else []
    listed = [("run", measured.run), *((key, _text(value)) for key, value in _flat(shown))]
    return [f"# {escaped(facts.title)}\n", *label, _list(listed)]


def _titled(table: Table) -> str:
    return f"### {escaped(table.title)}\n\n{markdown(table)}"


def _frame_by_frame(run: Run, measured: Measured, frames: Sequence[FrameRow]) -> Iterator[str]:
    """For each metric its curves and a table: a line for each frame, a column for each method."""
    methods = [m for m in measured.metrics.results if m != MODEL]
    columns = ("Frame", measured.metrics.facts.title, *map(method_title, methods))
    pictures = frame_figures(run, measured, frames)
    for (name, metric), path in zip(measured.metrics.metrics.items(), pictures, strict=True):
        cells: dict[int, dict[str, str]] = {}
        for row in frames:
            if row.metric == name:
                text = number_text(row.mean, row.ci95_high)
                cells.setdefault(row.frame, {})[row.method] = text
        rows = [
            Row((str(frame), *(by_method[m] for m in (MODEL, *methods))), "baseline")
            for frame, by_method in cells.items()
        ]
        title = f"{metric.title} [{metric.unit}]"
        yield f"### {title.removesuffix(' [1]')}\n"
        yield _picture(run, path, f"{metric.title} by frame number")
        yield markdown(Table("", columns, (Section("", tuple(rows)),), ())).rstrip() + "\n"


def _gallery(run: Run, samples: Sequence[Sample], context_frames: int) -> list[str]:
    """Filmstrip and animation of each sample clip."""
    if not samples:
        return []
    parts = [
        "## Samples\n",
        f"Clips of the test split, by their index in it. Frames 1 to {context_frames} are given "
        f"(blue), the rest is predicted (orange).\n",
    ]
    for sample in samples:
        name = f"test clip {sample.clip}"
        parts += [
            f"### Test clip {sample.clip}: {escaped(sample.note)}\n",
            _picture(run, run.samples / sample.filmstrip, f"{name}, truth, prediction and error"),
            _picture(run, run.samples / sample.animation, f"{name}, truth beside prediction"),
        ]
    return parts


def _picture(run: Run, path: Path, alternative: str) -> str:
    return f"![{escaped(alternative)}]({path.relative_to(run.root).as_posix()})\n"


def _list(pairs: Iterable[tuple[str, str]]) -> str:
    lines = [f"- {escaped(key)}: {escaped(value)}" for key, value in pairs]
    return "\n".join(lines) + "\n"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything that is not a mapping."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _flat_text(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_text(value)}" for key, value in _flat(values))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
