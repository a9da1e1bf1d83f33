"""Reads what an evaluation left in its folder, and groups the runs that may be compared."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfvp.config.loading import config_hash, load_resolved
from tfvp.errors import RunError
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
    """One evaluation of a run, which gives a row of a table and a line of a figure."""

    name: str  # of the run
    folder: ResultFolder
    metrics: Metrics

    @cached_property
    def frames(self) -> list[FrameRow]:
        """Read the lines of per_frame.csv; raises RunError."""
        rows = read_frames(self.folder.per_frame_path)
        values: dict[tuple[str, str], list[float]] = {}
        for row in rows:
            values.setdefault((row.method, row.metric), []).append(row.mean)
        counts = {row.sequences for row in rows} | {len(each) for each in values.values()}
        protocol = self.metrics.protocol
        whole = counts == {protocol.sequences, protocol.predict_frames}
        means = {key: float(np.mean(each)) for key, each in values.items()}
        self._check_same(self.folder.per_frame_path, whole, means)
        return rows

    @property
    def sequences_path(self) -> Path:
        """Return the file of the values by sequence; a kept run has it compressed."""
        packed = self.folder.packed_sequences_path
        return packed if packed.exists() else self.folder.per_sequence_path

    @cached_property
    def sequences(self) -> SequenceValues:
        """Read the values by sequence, of a kept run the network's alone; raises RunError."""
        found = read_sequences(self.sequences_path)
        flat = {(m, name): v for m, each in found.values.items() for name, v in each.items()}
        protocol = self.metrics.protocol
        shape = (protocol.sequences, protocol.predict_frames)
        whole = all(values.shape == shape for values in flat.values())
        means = {key: float(values.mean()) for key, values in flat.items()}
        self._check_same(self.sequences_path, whole, means)
        return found

    def _check_same(self, path: Path, whole: bool, means: Mapping[tuple[str, str], float]) -> None:
        """Raise RunError unless a file holds the measurement that metrics.json sums up."""
        results = self.metrics.results
        kept = {MODEL} if path.suffix == ".gz" else results.keys()
        wanted = {(m, name): e.value for m in kept for name, e in results[m].items()}
        same = whole and means.keys() == wanted.keys()
        if not same or not all(np.isclose(means[key], wanted[key], rtol=1e-5) for key in wanted):
            raise RunError(
                f"{path}: is cut short, or of another measurement than the metrics.json beside it; "
                "run the evaluate stage again to write both anew"
            )

    @cached_property
    def samples(self) -> list[Sample]:
        """Read the clips that were kept; raises RunError."""
        return read_samples(self.folder.samples)

    @property
    def task(self) -> str:
        """Return what was measured: prediction or reconstruction."""
        return self.metrics.protocol.task

    @property
    def baselines(self) -> list[str]:
        """Return the names of the methods beside the network."""
        return [method for method in self.metrics.results if method != MODEL]

    def per_sequence(self, metric: str) -> NDArray[np.float64]:
        """Return a metric of the network, (sequences, predicted frames); raises RunError."""
        return self.sequences.values[MODEL][metric]

    def on_case(self, name: str) -> "EvaluatedRun | None":
        """Return the same network on a case of its robustness suite; None: it was not measured.

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
        RunError: the run was not evaluated, its metrics.json is damaged, or its per_frame.csv is
            of another measurement.
    """
    found = EvaluatedRun(run.name, run, read_metrics(run.metrics_path))
    _ = found.frames  # so that no table shows a damaged measurement that needs no frame of it
    return found


def read_evaluated_runs(runs: Sequence[Run]) -> list[EvaluatedRun]:
    """Read the evaluations of runs, each under a name of its own.

    Where folders are called the same, names hold as many folders above them as tell them apart:
    first/ref, second/ref.

    Raises:
        RunError: a run was not evaluated, or its metrics.json is damaged.
    """
    paths = [Path(os.path.abspath(run.root)).parts for run in runs]
    depth = 1
    while len({path[-depth:] for path in paths}) < len({*paths}):
        depth += 1
    return [
        replace(read_evaluated_run(run), name="/".join(path[-depth:]))
        for run, path in zip(runs, paths, strict=True)
    ]


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


def repeats(runs: Sequence[EvaluatedRun]) -> list[list[EvaluatedRun]]:
    """Group runs that differ in the seed of their training alone, in order.

    Runs with the same seed too stand alone: they are no repeats of each other.

    Raises:
        ConfigError: a run's config.yaml is damaged.
    """
    groups: dict[str, list[EvaluatedRun]] = {}
    for run in runs:
        metadata = run.metrics.metadata
        experiment = load_resolved(Run(run.folder.root).config_path)
        training = experiment.training.model_copy(update={"seed": 0})
        settings = config_hash(experiment.model_copy(update={"training": training}))
        told = (metadata.config, metadata.title, metadata.label, metadata.data_hash)
        same = repr((settings, told, metadata.weights, run.metrics.protocol))
        groups.setdefault(same, []).append(run)
    found = []
    for group in groups.values():
        several = len({run.metrics.metadata.seed for run in group}) == len(group)
        found += [group] if several else [[run] for run in group]
    return sorted(found, key=lambda group: runs.index(group[0]))


def names(group: Sequence[EvaluatedRun]) -> list[str]:
    """Name each run beside the others: its title, with the run's name where titles repeat."""
    titles = [run.metrics.metadata.title for run in group]
    return [
        title if titles.count(title) == 1 else f"{title} ({run.name})"
        for title, run in zip(titles, group, strict=True)
    ]


def metrics_of(group: Sequence[EvaluatedRun]) -> dict[str, MetricInfo]:
    """Return every metric that one of the runs was measured with, by its name."""
    return {name: info for run in group for name, info in run.metrics.metrics.items()}


def frame_row(
    group: Sequence[EvaluatedRun], method: str, metric: str, edge: Literal["first", "last"]
) -> FrameRow | None:
    """Return a method's metric at the first or last predicted frame; None: it was not measured.

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
    """Write the title of a method: `copy_last_frame` -> `Copy last frame`."""
    return method.replace("_", " ").capitalize()
