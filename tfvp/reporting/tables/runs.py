"""The tables of runs beside each other: their metrics, and one metric frame by frame."""

from collections.abc import Iterator, Sequence

from tfvp.evaluation.schema import ENTROPY_BOUND, MODEL
from tfvp.reporting.evaluated_run import EvaluatedRun, frame_row, method_title, metrics_of, names
from tfvp.reporting.tables.table import ARROWS, Cell, Row, Section, Table, mean_cell, whole

BOUND = (
    "Entropy bound: the cross entropy of the true frames with themselves, which no prediction of "
    "gray values can be below"
)


def runs_table(group: Sequence[EvaluatedRun]) -> Table:
    """Make the table of runs on the same sequences, and of the baselines there.

    It shows every metric, and the first one at the first and the last frame too. Cells are empty
    where a run was not measured with a metric of the others.
    """
    protocol = group[0].metrics.protocol
    return Table(
        title=f"{group[0].metrics.metadata.data}, {protocol.sequences:,} test sequences",
        columns=("Method", *metric_columns(group)),
        sections=(Section("", tuple(_method_rows(group))),),
        footnotes=metric_footnotes(group),
    )


def metric_columns(group: Sequence[EvaluatedRun]) -> list[str]:
    """Return the titles of the columns that `method_row` fills after the name."""
    metrics, protocol = list(metrics_of(group).values()), group[0].metrics.protocol
    numbers = {protocol.first_frame, protocol.first_frame + protocol.predict_frames - 1}
    titles = [f"{m.title} {ARROWS[m.better]}" for m in metrics]
    return [titles[0], *(f"{metrics[0].title}, frame {n}" for n in sorted(numbers)), *titles[1:]]


def metric_footnotes(group: Sequence[EvaluatedRun]) -> tuple[tuple[str, str], ...]:
    """Write the labels of the runs, the definitions of the metrics, and how intervals are made."""
    labels = dict.fromkeys(run.metrics.metadata.label for run in group)
    definitions = [f"{m.title}: {m.definition}" for m in metrics_of(group).values()]
    bound = [BOUND] if any(ENTROPY_BOUND in run.baselines for run in group) else []
    texts = [
        *filter(None, labels),
        *definitions,
        *bound,
        f"±: {group[0].metrics.protocol.interval}",
    ]
    return tuple(("", f"{text}.") for text in texts)


def _method_rows(group: Sequence[EvaluatedRun]) -> Iterator[Row]:
    """Make the rows of the networks, then of each baseline once."""
    metrics = list(metrics_of(group))
    for name, run in zip(names(group), group, strict=True):
        yield method_row(name, [run], MODEL, metrics)
    for method in dict.fromkeys(method for run in group for method in run.baselines):
        having = [run for run in group if method in run.baselines]
        yield method_row(method_title(method), having, method, metrics)


def method_row(
    name: str, group: Sequence[EvaluatedRun], method: str, metrics: Sequence[str]
) -> Row:
    """Make the row of a method: its mean of every metric, the first also at the edge frames.

    Args:
        name: the row's first cell.
        group: runs on the same sequences that have the method, and may have different metrics.
        method: MODEL or a baseline.
        metrics: the names of the metrics, in the order of the columns.
    """
    one = group[0].metrics.protocol.predict_frames == 1
    edges = [frame_row(group, method, metrics[0], e) for e in ("first", "last")[: 1 if one else 2]]
    results = {m: value for run in group for m, value in run.metrics.results[method].items()}
    cells = [mean_cell(results.get(metric)) for metric in metrics]
    kind = "ours" if method == MODEL else "baseline"
    return Row.of(kind, name, cells[0], *map(mean_cell, edges), *cells[1:])


def by_frame_table(metric: str, group: Sequence[EvaluatedRun]) -> Table:
    """Make the table of a metric: a row for each predicted frame, a column for each method."""
    named = dict(zip(names(group), group, strict=True))
    columns = {n: (run, MODEL) for n, run in named.items() if metric in run.metrics.metrics}
    for run, _ in list(columns.values()):
        having = [m for m in run.baselines if metric in run.metrics.results[m]]
        for method in having:
            columns.setdefault(method_title(method), (run, method))
    numbers: dict[int, list[Cell]] = {}
    for run, method in columns.values():
        for row in run.frames:
            if (row.metric, row.method) == (metric, method):
                numbers.setdefault(row.frame, []).append(mean_cell(row))
    info = metrics_of(group)[metric]
    rows = tuple(Row.of("published", whole(frame), *cells) for frame, cells in numbers.items())
    title = f"{info.title} [{info.unit}]".removesuffix(" [1]")
    return Table(title, ("Frame", *columns), (Section("", rows),), ())
