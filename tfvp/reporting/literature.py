"""The literature's tables in their own order, with our rows where we have them."""

import math
from collections.abc import Sequence

from pydantic import JsonValue

from tfvp.evaluation.record import MODEL
from tfvp.reporting.measured import Measured
from tfvp.reporting.published import PublishedRow, PublishedSection, PublishedTable
from tfvp.reporting.tables import (
    ARROWS,
    NOTHING,
    Row,
    Section,
    Table,
    estimate_text,
    method_title,
)

_SIGNS = "†‡§¶‖"


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


def literature_table(published: PublishedTable, measured: Sequence[Measured]) -> Table:
    """A published table in its own order, with our rows and the baselines on the same sequences.

    A number that was measured under another protocol than the table's carries a sign, and a note
    says what differs. Runs on another dataset are left out.
    """
    dataset = published.protocol["dataset"]
    ours = [m for m in measured if m.metrics.facts.data_settings.get("dataset") == dataset]
    notes = Notes()
    sections = [
        Section(section.title, tuple(_section_rows(published, section, ours, notes)))
        for section in published.sections
    ]
    others = [m for m in ours if _line_of(published, m) is None]
    sections += [
        Section("Our other runs", tuple(_our_row(published, m, notes) for m in others)),
        Section("Baselines, on our rows' sequences", tuple(_baselines(published, ours, notes))),
    ]
    arrows = [f"{m.title} {ARROWS[m.better]}" for m in published.metrics]
    return Table(
        title=f"{published.source.table}: {published.title}",
        columns=("Model", *arrows, "Steps", "Data", "Sequences", "Seed", "Source"),
        sections=tuple(section for section in sections if section.rows),
        notes=(*notes.listed(), *(("", text) for text in _general_notes(published, ours))),
    )


def differences(published: PublishedTable, measured: Measured) -> list[str]:
    """What was measured under another protocol: `frame_px 32×32 (table: 64×64)`."""
    protocol = measured.metrics.protocol
    settings: dict[str, JsonValue] = {
        **measured.metrics.facts.data_settings,
        "frame_px": list(protocol.frame_shape[:2]),
        "context_frames": protocol.context_frames,
        "predict_frames": protocol.predict_frames,
        "sequences": protocol.sequences,
    }
    return [
        f"{key} {_plain(settings.get(key, 'unknown'))} (table: {_plain(expected)})"
        for key, expected in published.protocol.items()
        if settings.get(key) != expected
    ]


def _section_rows(
    published: PublishedTable, section: PublishedSection, ours: list[Measured], notes: Notes
) -> list[Row]:
    """Each published row, and under it our runs of the same configuration."""
    rows = []
    for line in section.rows:
        rows.append(_published_row(published, section, line, notes))
        rows += [_our_row(published, m, notes) for m in ours if _line_of(published, m) is line]
    return rows


def _line_of(published: PublishedTable, measured: Measured) -> PublishedRow | None:
    """The published row that a run stands under: that of its title, else of its configuration."""
    facts = measured.metrics.facts
    titled = [row for row in published.rows if row.ours and row.model == facts.title]
    configured = [row for row in published.rows if row.ours == facts.config]
    return next(iter(titled + configured), None)


def _published_row(
    published: PublishedTable, section: PublishedSection, line: PublishedRow, notes: Notes
) -> Row:
    sign = notes.sign(section.note)
    numbers = [f"{line.values[metric.name]} {sign}" for metric in published.metrics]
    model = f"{line.model} {notes.sign(line.remark or '')}".strip()
    table = published.source.table
    source = f"{line.cited}, in {table}" if line.cited else table
    cells = (model, *numbers, NOTHING, published.data, NOTHING, NOTHING, source)
    return Row(cells, "published")


def _our_row(published: PublishedTable, measured: Measured, notes: Notes) -> Row:
    facts, protocol = measured.metrics.facts, measured.metrics.protocol
    sign = notes.sign(_caveat(published, measured))
    model = f"ours: {facts.title}" + (f", {facts.label}" if facts.label else "")
    return Row(
        (
            model,
            *_numbers(published, measured, MODEL, sign),
            f"{facts.steps:,}",
            facts.data,
            f"{protocol.sequences:,}",
            str(facts.seed),
            f"run {measured.run}",
        ),
        "ours",
    )


def _baselines(published: PublishedTable, ours: list[Measured], notes: Notes) -> list[Row]:
    """The baselines of each set of sequences, once for all runs that were measured on it."""
    groups: dict[str, list[Measured]] = {}
    for measured in ours:
        results = {k: v for k, v in measured.metrics.results.items() if k != MODEL}
        same = repr((measured.metrics.facts.data, measured.metrics.protocol, results))
        groups.setdefault(same, []).append(measured)
    rows = []
    for group in groups.values():
        first = group[0]
        sign = notes.sign(_caveat(published, first))
        source = f"same sequences as run {', '.join(m.run for m in group)}"
        count = f"{first.metrics.protocol.sequences:,}"
        for method in (m for m in first.metrics.results if m != MODEL):
            numbers = _numbers(published, first, method, sign)
            tail = (NOTHING, first.metrics.facts.data, count, NOTHING, source)
            rows.append(Row((method_title(method), *numbers, *tail), "baseline"))
    return rows


def _numbers(published: PublishedTable, measured: Measured, method: str, sign: str) -> list[str]:
    """The table's metrics of one method, each with the sign of its caveat."""
    results = measured.metrics.results[method]
    values = math.prod(measured.metrics.protocol.frame_shape)
    return [
        f"{estimate_text(results[metric.ours], values if metric.per_pixel else 1)} {sign}".strip()
        if metric.ours in results
        else NOTHING
        for metric in published.metrics
    ]


def _caveat(published: PublishedTable, measured: Measured) -> str:
    """Why a run's numbers must not be compared with the published ones; empty when they may."""
    different = differences(published, measured)
    parts = [measured.metrics.facts.label] if measured.metrics.facts.label else []
    if different:
        parts.append(f"not comparable with the published rows: {', '.join(different)}")
    return "; ".join(parts)


def _general_notes(published: PublishedTable, ours: list[Measured]) -> list[str]:
    """Source of the table, and how our numbers were measured."""
    texts = [f"Source: {published.source.document}, {published.source.table}."]
    if not ours:
        return [*texts, "None of our runs was measured on this dataset yet."]
    measured = {k: v for m in ours for k, v in m.metrics.metrics.items()}
    texts += [
        f"{metric.title} of our rows: {measured[metric.ours].definition}, on every sequence"
        f"{', divided by the number of values in a frame' if metric.per_pixel else ''}."
        for metric in published.metrics
        if metric.ours in measured
    ]
    return [*texts, f"±: {ours[0].metrics.protocol.interval}.", published.note]


def _plain(value: JsonValue) -> str:
    """A setting as notes print it; a list of sizes as 64×64."""
    return "×".join(map(str, value)) if isinstance(value, list) else str(value)
