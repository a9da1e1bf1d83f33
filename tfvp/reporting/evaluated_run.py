"""Reads what an evaluation left in its folder, and groups the runs that may be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfvp.evaluation.per_sequence import SequenceValues, read_sequences
from tfvp.evaluation.samples import Sample, read_samples
from tfvp.evaluation.schema import (
    MODEL,
    FrameRow,
    MetricInfo,
    Metrics,
    Protocol,
    read_frames,
    read_metrics,
)
from tfvp.evaluation.suites.schema import INDEX, case_folder, read_suite
from tfvp.runs.folder import ResultFolder, Run

SUITE = "robustness"


@dataclass(frozen=True)
class EvaluatedRun:
    """One evaluation of a run: one row of a table, one line of a figure."""

    name: str  # of the run
    folder: ResultFolder
    metrics: Metrics

    @cached_property
    def frames(self) -> list[FrameRow]:
        """The lines of per_frame.csv; raises RunError."""
        return read_frames(self.folder.per_frame_path)

    @cached_property
    def sequences(self) -> SequenceValues:
        """The values of per_sequence.csv; raises RunError."""
        return read_sequences(self.folder.per_sequence_path)

    @cached_property
    def samples(self) -> list[Sample]:
        """The clips that were kept; raises RunError."""
        return read_samples(self.folder.samples)

    @property
    def task(self) -> str:
        """What was measured: prediction or reconstruction."""
        return self.metrics.protocol.task

    @property
    def baselines(self) -> list[str]:
        """The names of the methods beside the network."""
        return [method for method in self.metrics.results if method != MODEL]

    def per_sequence(self, metric: str) -> NDArray[np.float64]:
        """A metric of the network, (sequences, predicted frames); raises RunError."""
        return self.sequences.values[MODEL][metric]

    def on_case(self, name: str) -> "EvaluatedRun | None":
        """The same network on a case of its robustness suite; None where it was not measured.

        Raises:
            RunError: a file of the suite is damaged.
        """
        folder = Run(self.folder.root).evaluations / SUITE
        if not (folder / INDEX).exists():
            return None
        named = [case for case in read_suite(folder).measured if case.name == name]
        if not named:
            return None
        place = case_folder(folder, named[0])
        return EvaluatedRun(self.name, place, read_metrics(place.metrics_path))


def read_evaluated_run(run: Run) -> EvaluatedRun:
    """Read the evaluation of a run on its own test split.

    Raises:
        RunError: the run was not evaluated, or its metrics.json is damaged.
    """
    return EvaluatedRun(run.name, run, read_metrics(run.metrics_path))


def given_frames(protocol: Protocol) -> str:
    """Say which frames the network was given."""
    if protocol.task == "reconstruction":
        return "all are given"
    return f"frames 1 to {protocol.context_frames} are given"


def comparable(runs: Sequence[EvaluatedRun]) -> list[list[EvaluatedRun]]:
    """Group runs that were measured on the same sequences in the same way, in order."""
    groups: dict[str, list[EvaluatedRun]] = {}
    for run in runs:
        metadata = run.metrics.metadata
        same = repr((metadata.data, metadata.data_hash, run.metrics.protocol))
        groups.setdefault(same, []).append(run)
    return list(groups.values())


def names(group: Sequence[EvaluatedRun]) -> list[str]:
    """Name each run beside the others: its title, with the run's name where titles repeat."""
    titles = [run.metrics.metadata.title for run in group]
    return [
        title if titles.count(title) == 1 else f"{title} ({run.name})"
        for title, run in zip(titles, group, strict=True)
    ]


def metrics_of(group: Sequence[EvaluatedRun]) -> dict[str, MetricInfo]:
    """Every metric that one of the runs was measured with, by its name."""
    return {name: info for run in group for name, info in run.metrics.metrics.items()}


def frame_row(
    group: Sequence[EvaluatedRun], method: str, metric: str, edge: Literal["first", "last"]
) -> FrameRow | None:
    """A method's metric at the first or the last predicted frame; None where it was not measured.

    Args:
        group: runs on the same sequences, which may have different metrics.
        method: MODEL or a baseline.
        metric: the name of the metric.
        edge: which of the predicted frames.
    """
    protocol = group[0].metrics.protocol
    frame = protocol.first_frame + (protocol.predict_frames - 1 if edge == "last" else 0)
    rows = (row for run in group for row in run.frames)
    wanted = (method, metric, frame)
    return next((r for r in rows if (r.method, r.metric, r.frame) == wanted), None)


def method_title(method: str) -> str:
    """`copy_last_frame` -> `Copy last frame`."""
    return method.replace("_", " ").capitalize()
