"""What stands in each column of a published table: its number, or ours made comparable."""

import math
from dataclasses import dataclass

from pydantic import JsonValue

from tfvp.evaluation.schema import MODEL, Cost
from tfvp.reporting.evaluated_run import Measured
from tfvp.reporting.tables.cell import EMPTY, Cell, as_printed, mean_cell, number, whole
from tfvp.reporting.tables.published import PublishedMetric, PublishedRow, PublishedTable
from tfvp.reporting.tables.table import frame_row


@dataclass(frozen=True)
class Column:
    """A column of a published table."""

    table: PublishedTable
    metric: PublishedMetric

    def published(self, row: PublishedRow) -> Cell:
        """The printed number, or one that is printed in another column in our scale."""
        if self.metric.converts is None:
            text = row.values[self.metric.name]
            return as_printed(text) if text else EMPTY
        text = row.values[self.metric.converts]
        return number(float(text) / self._from.scale(self.table.frame_values)) if text else EMPTY

    def ours(self, measured: Measured, method: str) -> Cell:
        """A method's number in the published scale; nothing where it was not measured."""
        if self.metric.cost is not None:
            cost = measured.metrics.metadata.cost
            return self._cost(cost) if cost is not None and method == MODEL else EMPTY
        results = measured.metrics.results.get(method, {})
        if self.metric.ours not in results:
            return EMPTY
        scale = self.scale(math.prod(measured.metrics.protocol.frame_shape))
        if self.metric.frame == "all":
            return mean_cell(results[self.metric.ours], scale)
        row = frame_row([measured], method, self.metric.ours, self.metric.frame)
        return mean_cell(row, scale)

    def measured(self, run: Measured) -> Measured | None:
        """The evaluation of a run that the column shows; None where it was not made."""
        return run if self.metric.case is None else run.on_case(self.metric.case)

    def scale(self, frame_values: int) -> float:
        """What our number is multiplied with, for frames of so many values."""
        return self.metric.factor / (frame_values if self.metric.per_pixel else 1)

    @property
    def conversion(self) -> str:
        """What was done with a printed number of another column; empty where nothing was."""
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


def caveat(published: PublishedTable, measured: Measured) -> str:
    """Why a run's numbers must not be compared with the published ones; empty when they may."""
    different = differences(published, measured)
    parts = [measured.metrics.metadata.label] if measured.metrics.metadata.label else []
    if different:
        parts.append(f"not comparable with the published rows: {', '.join(different)}")
    return "; ".join(parts)


def column_caveat(column: Column, measured: Measured) -> str:
    """The same for one column: speed is of a device too."""
    said = caveat(column.table, measured)
    cost = measured.metrics.metadata.cost
    if column.metric.cost != "clips_per_second" or cost is None or cost.speed is None:
        return said
    timed = f"timed on {cost.speed.device}, {cost.speed.batch} clips at once"
    return "; ".join(part for part in (said, timed) if part)


def differences(published: PublishedTable, measured: Measured) -> list[str]:
    """What was measured under another protocol: `frame_px 32×32 (table: 64×64)`."""
    protocol = measured.metrics.protocol
    settings: dict[str, JsonValue] = {
        **measured.metrics.metadata.data_settings,
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
    """A setting as notes print it; a list of sizes as 64×64."""
    if value is None:
        return "none"
    return "×".join(map(str, value)) if isinstance(value, list) else str(value)
