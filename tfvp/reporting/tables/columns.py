"""The columns of a published table: its numbers, ours made comparable, and their footnotes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from tfvp.evaluation.schema import ENTROPY_BOUND, MODEL, Cost, MetricInfo
from tfvp.reporting.evaluated_run import EvaluatedRun, frame_row, metrics_of
from tfvp.reporting.tables.published import (
    Correlation,
    PublishedMetric,
    PublishedRow,
    PublishedTable,
)
from tfvp.reporting.tables.runs import BOUND
from tfvp.reporting.tables.table import EMPTY, Cell, as_printed, mean_cell, number, whole

_SIGNS = "†‡§¶‖"
_FRAMES = {"all": "", "first": ", the first predicted frame", "last": ", the last predicted frame"}


@dataclass(frozen=True)
class Column:
    """A column of numbers in a published table."""

    table: PublishedTable
    metric: PublishedMetric

    def published(self, row: PublishedRow) -> Cell:
        """Return the printed number, or that of the column that this one converts, in our scale."""
        if self.metric.converts is None:
            text = row.values[self.metric.name]
            return as_printed(text) if text else EMPTY
        text = row.values[self.metric.converts]
        return number(float(text) / self._from.scale(self.table.frame_values)) if text else EMPTY

    def ours(self, run: EvaluatedRun, method: str) -> Cell:
        """Return a method's number in the published scale; EMPTY where it was not measured."""
        if self.metric.cost is not None:
            cost = run.metrics.metadata.cost
            return self._cost(cost) if cost is not None and method == MODEL else EMPTY
        results = run.metrics.results.get(method, {})
        if self.metric.ours not in results:
            return EMPTY
        scale = self.scale(math.prod(run.metrics.protocol.frame_shape))
        if self.metric.frame == "all":
            return mean_cell(results[self.metric.ours], scale)
        row = frame_row([run], method, self.metric.ours, self.metric.frame)
        return mean_cell(row, scale)

    def evaluation(self, run: EvaluatedRun) -> EvaluatedRun | None:
        """Return the evaluation that the column shows of a run; None where it was not made."""
        return run if self.metric.case is None else run.on_case(self.metric.case)

    def scale(self, frame_values: int) -> float:
        """Return the factor from our number to the published one, for frames of so many values."""
        return self.metric.factor / (frame_values if self.metric.per_pixel else 1)

    @property
    def conversion(self) -> str:
        """Say how the number follows from a printed one of another column; empty if it does not."""
        if self.metric.converts is None:
            return ""
        other, values = self._from.metric, self.table.frame_values
        by_pixel = f" × {values:,} values in a frame" if other.per_pixel else ""
        return f"Not printed: {other.title}{by_pixel} / {other.factor:g}"

    @property
    def _from(self) -> "Column":
        return Column(self.table, self.table.metric(str(self.metric.converts)))

    def _cost(self, cost: Cost) -> Cell:
        if self.metric.cost == "clips_per_second":
            return number(cost.speed.clips_per_second) if cost.speed else EMPTY
        if self.metric.cost == "macs":
            return number(cost.macs * self.metric.factor)
        if self.metric.factor == 1:
            return whole(cost.parameters)
        return number(cost.parameters * self.metric.factor)


def caveat(published: PublishedTable, run: EvaluatedRun) -> str:
    """Say why a run's numbers must not be compared with the published ones; empty if they may."""
    different = differences(published, run)
    parts = [run.metrics.metadata.label] if run.metrics.metadata.label else []
    if different:
        parts.append(f"not comparable with the published rows: {', '.join(different)}")
    return "; ".join(parts)


def column_caveat(column: Column, run: EvaluatedRun) -> str:
    """Say what `caveat` says, and for a column of speed on which device it was measured."""
    said = caveat(column.table, run)
    cost = run.metrics.metadata.cost
    if column.metric.cost != "clips_per_second" or cost is None or cost.speed is None:
        return said
    timed = f"timed on {cost.speed.device}, {cost.speed.batch} clips at once"
    return "; ".join(part for part in (said, timed) if part)


def differences(published: PublishedTable, run: EvaluatedRun) -> list[str]:
    """List where a run's protocol differs from the table's: `frame_px 32×32 (table: 64×64)`."""
    protocol = run.metrics.protocol
    settings: dict[str, JsonValue] = {
        **run.metrics.metadata.data_settings,
        "frame_px": list(protocol.frame_shape[:2]),
        "channels": protocol.frame_shape[2],
        "context_frames": protocol.context_frames,
        "predict_frames": protocol.predict_frames,
        "sequences": protocol.sequences,
    }
    return [
        f"{key} {_plain(settings.get(key, 'unknown'))} (table: {_plain(expected)})"
        for key, expected in published.protocol.items()
        if settings.get(key) != expected
    ]


def _plain(value: JsonValue) -> str:
    """Write a setting for a footnote, a list of sizes as 64×64."""
    if value is None:
        return "none"
    return "×".join(map(str, value)) if isinstance(value, list) else str(value)


class Footnotes:
    """Gives each different text a sign, in order of appearance."""

    def __init__(self):
        self._signs: dict[str, str] = {}

    def sign(self, text: str) -> str:
        """Return the sign of a text: a new sign for a new text, an empty one for an empty text."""
        if not text:
            return ""
        number = len(self._signs)
        new = _SIGNS[number % len(_SIGNS)] * (number // len(_SIGNS) + 1)
        return self._signs.setdefault(text, new)

    def listed(self) -> list[tuple[str, str]]:
        """Return the sign and text of each footnote."""
        return [(sign, text) for text, sign in self._signs.items()]


def general_footnotes(published: PublishedTable, runs: Sequence[EvaluatedRun]) -> list[str]:
    """Write the footnotes without a sign: the table's source, and how our numbers were measured.

    Args:
        published: the table.
        runs: our runs with a number in it.
    """
    texts = [f"Source: {published.source.document}; {published.source.table}."]
    if not runs:
        return [*texts, published.note, "None of our runs has a number of this table yet."]
    if published.correlation is not None:
        return [*texts, _of_pairs(published.correlation), published.note]
    intervals = f"±: {runs[0].metrics.protocol.interval}."
    shows = any(metric.ours == "cross_entropy" for metric in published.metrics)
    bounded = shows and any(ENTROPY_BOUND in run.baselines for run in runs)
    bound = [f"{BOUND}."] if bounded else []
    return [*texts, *_of_columns(published, runs), *bound, intervals, published.note]


def _of_columns(published: PublishedTable, runs: Sequence[EvaluatedRun]) -> Iterator[str]:
    """Define our numbers in each column."""
    measured = metrics_of(runs)
    costs = [run.metrics.metadata.cost for run in runs if run.metrics.metadata.cost is not None]
    for metric in published.metrics:
        if metric.ours in measured:
            yield _of_metric(Column(published, metric), measured[metric.ours])
        if metric.cost is not None and costs:
            yield f"{metric.title} of our rows: {_of_cost(metric, costs)}."


def _of_metric(column: Column, info: MetricInfo) -> str:
    metric = column.metric
    made = [f", times {metric.factor:g}"] if metric.factor != 1 else []
    made += [", divided by the number of values in a frame"] if metric.per_pixel else []
    on = f", case {metric.case} of the robustness suite" if metric.case else ", on every sequence"
    frames = _FRAMES[metric.frame]
    return f"{metric.title} of our rows: {info.definition}{frames}{on}{''.join(made)}."


def _of_cost(metric: PublishedMetric, costs: Sequence[Cost]) -> str:
    if metric.cost == "parameters":
        return "weights that training changes"
    if metric.cost == "macs":
        return costs[0].macs_definition
    return next((cost.speed.definition for cost in costs if cost.speed), "not timed")


def _of_pairs(correlation: Correlation) -> str:
    return (
        f"Our rows: Spearman's rank correlation over the same sequences of two networks' mean "
        f"{correlation.metric.replace('_', ' ')} over the predicted frames; on the case "
        f"{correlation.case} of the robustness suite where both have it, else on their own test "
        "split."
    )
