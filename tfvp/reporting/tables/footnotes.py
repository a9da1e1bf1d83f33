"""The notes under a published table: signs, its source, and how our numbers were measured."""

from collections.abc import Iterator, Sequence

from tfvp.evaluation.schema import Cost, MetricInfo
from tfvp.reporting.evaluated_run import Measured
from tfvp.reporting.tables.columns import Column
from tfvp.reporting.tables.published import Correlation, PublishedMetric, PublishedTable

_SIGNS = "†‡§¶‖"
_FRAMES = {"all": "", "first": ", the first predicted frame", "last": ", the last predicted frame"}


class Notes:
    """Gives each different text a sign, in order of appearance."""

    def __init__(self):
        self._signs: dict[str, str] = {}

    def sign(self, text: str) -> str:
        """The text's sign, a new one when it was not noted before; none for no text."""
        if not text:
            return ""
        number = len(self._signs)
        new = _SIGNS[number % len(_SIGNS)] * (number // len(_SIGNS) + 1)
        return self._signs.setdefault(text, new)

    def listed(self) -> list[tuple[str, str]]:
        """Sign and text of each note."""
        return [(sign, text) for text, sign in self._signs.items()]


def general_notes(published: PublishedTable, ours: Sequence[Measured]) -> list[str]:
    """Source of the table, and how our numbers were measured.

    Args:
        published: the table.
        ours: runs with a number in it.
    """
    texts = [f"Source: {published.source.document}; {published.source.table}."]
    if not ours:
        return [*texts, published.note, "None of our runs has a number of this table yet."]
    if published.correlation is not None:
        return [*texts, _of_pairs(published.correlation), published.note]
    intervals = f"±: {ours[0].metrics.protocol.interval}."
    return [*texts, *_of_columns(published, ours), intervals, published.note]


def _of_columns(published: PublishedTable, ours: Sequence[Measured]) -> Iterator[str]:
    """What stands in each column of ours."""
    measured = {name: facts for m in ours for name, facts in m.metrics.metrics.items()}
    costs = [m.metrics.metadata.cost for m in ours if m.metrics.metadata.cost is not None]
    for metric in published.metrics:
        if metric.ours in measured:
            yield _of_metric(Column(published, metric), measured[metric.ours])
        if metric.cost is not None and costs:
            yield f"{metric.title} of our rows: {_of_cost(metric, costs)}."


def _of_metric(column: Column, facts: MetricInfo) -> str:
    metric = column.metric
    made = [f", times {metric.factor:g}"] if metric.factor != 1 else []
    made += [", divided by the number of values in a frame"] if metric.per_pixel else []
    on = f", case {metric.case} of the robustness suite" if metric.case else ", on every sequence"
    frames = _FRAMES[metric.frame]
    return f"{metric.title} of our rows: {facts.definition}{frames}{on}{''.join(made)}."


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
