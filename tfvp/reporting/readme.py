"""Writes the table of the reference runs into README, between two comments."""

import os
from collections.abc import Sequence
from pathlib import Path

from tfvp.config.loading import load_resolved
from tfvp.errors import RunError
from tfvp.evaluation.schema import MODEL
from tfvp.reporting.evaluated_run import (
    EvaluatedRun,
    comparable,
    frame_row,
    method_title,
    metrics_of,
    names,
    read_evaluated_run,
)
from tfvp.reporting.reference import reference_runs
from tfvp.reporting.render.markdown_console import escaped, markdown
from tfvp.reporting.tables.table import (
    ARROWS,
    EMPTY,
    Cell,
    Row,
    Section,
    Table,
    mean_cell,
    number,
    whole,
)
from tfvp.runs.folder import Run
from tfvp.runs.provenance import read_provenance
from tfvp.system.files import write_text

BEGIN = "<!-- results: written by tfvp report --readme; what is changed by hand is lost -->"
END = "<!-- results: end -->"
NETWORKS = 7  # rows of a table, one each


def write_readme(readme: Path, reference: Path) -> None:
    """Write the current table of the reference runs into a page, and leave the rest as it is.

    Args:
        readme: a Markdown page that holds BEGIN and END, each on a line of its own.
        reference: the folder of the reference runs, to which the page links.

    Raises:
        RunError: the page is missing or does not hold each line once, or a run is damaged.
    """
    if not readme.is_file():
        raise RunError(f"{readme}: no such file")
    write_text(readme, with_results(readme.read_text("utf-8"), readme, reference))


def with_results(page: str, readme: Path, reference: Path) -> str:
    """Return the page's text with the current table in it, see `write_readme`."""
    lines = page.split("\n")
    if lines.count(BEGIN) != 1 or lines.count(END) != 1 or lines.index(END) < lines.index(BEGIN):
        raise RunError(f"{readme}: expected one line `{BEGIN}` and after it one line `{END}`")
    before, after = lines[: lines.index(BEGIN) + 1], lines[lines.index(END) :]
    runs = [read_evaluated_run(run) for run in reference_runs(reference)]
    link = Path(os.path.relpath(reference, readme.parent)).as_posix()
    sections = [_section(group, link) for group in _shown(comparable(runs))]
    return "\n".join([*before, "", *(sections or ["No run is kept yet.\n"]), *after])


def _shown(groups: Sequence[Sequence[EvaluatedRun]]) -> list[Sequence[EvaluatedRun]]:
    """Choose the largest group, and full predictions on other data: the page is short."""
    if not groups:
        return []
    most = max(groups, key=len)
    return [most, *(group for group in groups if _belongs_beside(group[0], most[0]))]


def _belongs_beside(run: EvaluatedRun, most: EvaluatedRun) -> bool:
    """Whether a run predicts on other data, and no label says that it is a quick one."""
    of, data = run.metrics, most.metrics.metadata.data
    return (of.protocol.task, of.metadata.label) == ("prediction", "") and of.metadata.data != data


def _section(group: Sequence[EvaluatedRun], link: str) -> str:
    best = _best_of_each_network(group)[:NETWORKS]
    table = _brief(reference_table(best, link), more=len(group) - len(best))
    return f"**{escaped(table.title)}**\n\n{markdown(table)}"


def _best_of_each_network(group: Sequence[EvaluatedRun]) -> list[EvaluatedRun]:
    """Choose a run of each network, the best by the first metric that all have; best first."""
    metric = _shared_metrics(group)[0]

    def error(run: EvaluatedRun) -> float:
        value = float(run.metrics.results[MODEL][metric].value)
        return -value if run.metrics.metrics[metric].better == "higher" else value

    best: dict[str, EvaluatedRun] = {}
    for run in sorted(group, key=error):
        best.setdefault(load_resolved(Run(run.folder.root).config_path).model.network, run)
    return list(best.values())


def _shared_metrics(group: Sequence[EvaluatedRun]) -> list[str]:
    """Return the metrics that all runs were measured with."""
    return [n for n in metrics_of(group) if all(n in run.metrics.metrics for run in group)]


def _brief(table: Table, *, more: int) -> Table:
    """Keep the name, the first metric, the parameters and the steps, and what a reader must know.

    Of the baselines the best is kept. The runs' folders and the site have the others, and say what
    metrics are, how intervals are made and by which code.

    Args:
        table: the whole table.
        more: the number of runs that are not in it.
    """
    kept = (0, 1, -3, -1)
    columns = tuple(table.columns[i] for i in kept)
    rows = [row for section in table.sections for row in section.rows]
    baselines = [row for row in rows if row.kind == "baseline"]
    shown = [row for row in rows if row.kind == "ours"] + baselines[:1]
    footnotes = [
        (sign, text)
        for sign, text in table.footnotes
        if not any(column.startswith(f"{text.partition(':')[0]} ") for column in table.columns)
        and not text.startswith(("±", "Made by"))
    ]
    if more:
        footnotes.append(("", f"The best of each network; {more} more: see the documentation."))
    return Table(
        title=table.title,
        columns=columns,
        sections=(Section("", tuple(Row(tuple(r.cells[i] for i in kept), r.kind) for r in shown)),),
        footnotes=tuple(footnotes),
    )


def reference_table(group: Sequence[EvaluatedRun], link: str) -> Table:
    """Make the table of runs on the same sequences and of the baselines there, the best first.

    It shows the metrics that all runs were measured with, and the first of them also at the first
    and the last frame.

    Args:
        group: the runs.
        link: the folder of the runs, relative to the page.
    """
    metrics, shared = metrics_of(group), _shared_metrics(group)
    protocol, metadata = group[0].metrics.protocol, group[0].metrics.metadata
    last = protocol.first_frame + protocol.predict_frames - 1
    titles = [f"{metrics[name].title} {ARROWS[metrics[name].better]}" for name in shared]
    edges = [f"{metrics[shared[0]].title}, frame {n}" for n in (protocol.first_frame, last)]
    rows = [
        _row(f"[{name}]({link}/{run.name})", run, shared)
        for name, run in zip(names(group), group, strict=True)
    ]
    better = metrics[shared[0]].better
    measured = group[0].metrics.results
    methods = [method for method in group[0].baselines if shared[0] in measured[method]]
    baselines = [_baseline(group[0], method, shared) for method in methods]
    for each in (rows, baselines):
        each.sort(key=lambda row: row.cells[1].value or 0.0, reverse=better == "higher")
    return Table(
        title=f"{metadata.data}: {protocol.sequences:,} test sequences",
        columns=("Network", titles[0], *edges, *titles[1:], "Parameters", "MACs (G)", "Steps"),
        sections=(Section("", (*rows, *baselines)),),
        footnotes=tuple(("", text) for text in _footnotes(group, shared)),
    )


def _row(name: str, run: EvaluatedRun, metrics: Sequence[str]) -> Row:
    metadata = run.metrics.metadata
    cost = metadata.cost
    costs = (whole(cost.parameters), number(cost.macs / 1e9)) if cost else (EMPTY, EMPTY)
    return Row.of("ours", name, *_numbers(run, MODEL, metrics), *costs, whole(metadata.steps))


def _baseline(run: EvaluatedRun, method: str, metrics: Sequence[str]) -> Row:
    numbers = _numbers(run, method, metrics)
    return Row.of("baseline", method_title(method), *numbers, EMPTY, EMPTY, EMPTY)


def _numbers(run: EvaluatedRun, method: str, metrics: Sequence[str]) -> list[Cell]:
    results = run.metrics.results[method]
    edges = [mean_cell(frame_row([run], method, metrics[0], e)) for e in ("first", "last")]
    means = [mean_cell(results.get(name)) for name in metrics]
    return [means[0], *edges, *means[1:]]


def _footnotes(group: Sequence[EvaluatedRun], metrics: Sequence[str]) -> list[str]:
    """Say what these numbers are, how they were measured, and which code made them."""
    metadata = [run.metrics.metadata for run in group]
    seeds = sorted({each.seed for each in metadata})
    info = metrics_of(group)
    costs = [each.cost for each in metadata if each.cost is not None]
    texts = [
        *dict.fromkeys(each.label for each in metadata if each.label),
        f"One run each, {'seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}; "
        f"data {metadata[0].data_hash}",
        *(f"{info[name].title}: {info[name].definition}" for name in metrics),
        f"±: {group[0].metrics.protocol.interval}",
        *(f"MACs: {cost.macs_definition}" for cost in costs[:1]),
        f"Made by {_code(group)}; each run's folder holds its settings, provenance and numbers",
    ]
    return [f"{text[0].upper()}{text[1:]}." for text in texts]


def _code(group: Sequence[EvaluatedRun]) -> str:
    """Name revision and device, `revision ad58d7d on CPU, 2 cores`, for every such pair once."""
    found = [read_provenance(Run(run.folder.root)) for run in group]
    said = (f"revision {p['git']['revision'][:7]} on {p['device']}" for p in found)
    return " and ".join(dict.fromkeys(said))
