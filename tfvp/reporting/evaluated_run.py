"""What evaluations left in their folders, and which of them may be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tfvp.evaluation.per_sequence import SequenceValues, read_sequences
from tfvp.evaluation.samples import Sample, read_samples
from tfvp.evaluation.schema import MODEL, FrameRow, Metrics, read_frames, read_metrics
from tfvp.evaluation.suites.schema import INDEX, case_folder, read_suite
from tfvp.runs.folder import ResultFolder, Run

SUITE = "robustness"


@dataclass(frozen=True)
class Measured:
    """One evaluated run: one row of a table, one line of a figure."""

    run: str
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

    def on_case(self, name: str) -> "Measured | None":
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
        return Measured(self.run, place, read_metrics(place.metrics_path))

    @property
    def baselines(self) -> list[str]:
        """The methods beside the network."""
        return [method for method in self.metrics.results if method != MODEL]


def read_measured(run: Run) -> Measured:
    """Read an evaluated run.

    Raises:
        RunError: the run was not evaluated, or its metrics.json is damaged.
    """
    return Measured(run.name, run, read_metrics(run.metrics_path))


def comparable(measured: Sequence[Measured]) -> list[list[Measured]]:
    """Group what was measured on the same sequences in the same way, in order of appearance."""
    groups: dict[str, list[Measured]] = {}
    for each in measured:
        facts = each.metrics.metadata
        same = repr((facts.data, facts.data_hash, each.metrics.protocol))
        groups.setdefault(same, []).append(each)
    return list(groups.values())


def names(group: Sequence[Measured]) -> list[str]:
    """What each is called beside the others: its title, and its run where titles repeat."""
    titles = [each.metrics.metadata.title for each in group]
    return [
        title if titles.count(title) == 1 else f"{title} ({each.run})"
        for title, each in zip(titles, group, strict=True)
    ]
