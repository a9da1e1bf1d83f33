"""Judges the claims of results/claims.yaml by paired comparisons of our runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from tfvp.config.loading import load_resolved
from tfvp.config.yaml import read_mapping
from tfvp.errors import RunError
from tfvp.reporting.evaluated_run import EvaluatedRun, comparable, repeats
from tfvp.reporting.paired import COLUMNS as GAIN_COLUMNS
from tfvp.reporting.paired import DEFINITION, Gain, gain_cells, gain_of
from tfvp.reporting.tables.published import Part, published_path
from tfvp.reporting.tables.table import NOTHING, Row, Section, Table
from tfvp.runs.folder import Run

Verdict = Literal["supported", "not", "undecided"]
VERDICTS = (
    "Supported: both intervals lie above 0. Not: both lie below 0. Undecided: anything else, so "
    "also runs of a single seed, of different budgets, or without values of every sequence. A "
    "claim is supported where each of its measured rows is, and not where one of them is not."
)
COLUMNS = (
    *("Said to be better", "Than", "Data", "Metric"),
    *GAIN_COLUMNS,
    *("Seeds", "Updates × clips", "Verdict"),
)


class Comparison(Part):
    """Two configurations, of which the first is said to predict better."""

    better: str
    worse: str
    metrics: Annotated[list[str], Field(min_length=1)]


class Claim(Part):
    """A claim, and the comparisons of which each would have to hold."""

    id: str
    claim: str
    source: str
    comparisons: Annotated[list[Comparison], Field(min_length=1)]


class Claims(Part):
    """The content of the file."""

    claims: list[Claim]


@dataclass(frozen=True)
class Judged:
    """A comparison in one metric, of a run or repeats of each configuration."""

    first: Sequence[EvaluatedRun]
    second: Sequence[EvaluatedRun]
    metric: str
    gain: Gain | None  # None: a run has no values of the sequences
    budgets: tuple[str, ...]  # of all runs, each once: updates × clips

    @property
    def verdict(self) -> Verdict:
        """Return what the two intervals say, see VERDICTS."""
        found = self.gain
        if found is None or len(self.budgets) > 1:
            return "undecided"
        if found.over_sequences is None or found.over_seeds is None or found.sign == 0:
            return "undecided"
        return "supported" if found.sign > 0 else "not"


def load_claims(path: Path | None = None) -> list[Claim]:
    """Read and check claims.

    Args:
        path: a file like results/claims.yaml, which is the default.

    Raises:
        RunError: the file is missing, or does not have the schema.
        ConfigError: the file is not YAML.
    """
    path = path or published_path().parent / "claims.yaml"
    if not path.is_file():
        raise RunError(f"{path}: no such file; expected a file like results/claims.yaml")
    try:
        return Claims.model_validate(read_mapping(path)).claims
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise RunError(f"{path}: {where}: {first['msg']}, got {first['input']!r:.80}") from None


def judge(claim: Claim, runs: Sequence[EvaluatedRun]) -> list[Judged]:
    """Compare the runs of a claim's configurations wherever they saw the same sequences.

    Raises:
        RunError: a file of a run is damaged.
        ConfigError: a run's config.yaml is damaged.
    """
    return [
        _judged(first, second, metric)
        for comparison in claim.comparisons
        for group in comparable(runs)
        for first in repeats([run for run in group if _is(run, comparison.better)])
        for second in repeats([run for run in group if _is(run, comparison.worse)])
        for metric in comparison.metrics
        if all(metric in run.metrics.metrics for run in (*first, *second))
    ]


def verdict_of(judged: Sequence[Judged]) -> Verdict:
    """Return the verdict on a claim by those of its measured rows."""
    verdicts = {each.verdict for each in judged}
    if "not" in verdicts:
        return "not"
    return "supported" if verdicts == {"supported"} else "undecided"


def claims_table(claims: Sequence[Claim], runs: Sequence[EvaluatedRun]) -> Table:
    """Make the table of claims: a section for each, a row for each comparison and metric.

    Raises:
        RunError: a file of a run is damaged.
        ConfigError: a run's config.yaml is damaged.
    """
    sections = []
    for claim in claims:
        judged = judge(claim, runs)
        title = f"{claim.claim} ({claim.source}): {verdict_of(judged)}"
        rows = [*map(_row, judged), *_missing(claim, judged)]
        sections.append(Section(title, tuple(rows)))
    footnotes = (("", DEFINITION), ("", VERDICTS))
    return Table("Claims", COLUMNS, tuple(sections), footnotes)


def _is(run: EvaluatedRun, config: str) -> bool:
    return run.metrics.metadata.config == config


def _judged(first: list[EvaluatedRun], second: list[EvaluatedRun], metric: str) -> Judged:
    budgets = tuple(dict.fromkeys(map(_budget, [*first, *second])))
    return Judged(first, second, metric, gain_of(first, second, metric), budgets)


def _budget(run: EvaluatedRun) -> str:
    training = load_resolved(Run(run.folder.root).config_path).training
    return f"{training.steps:,} × {training.global_batch}"


def _row(judged: Judged) -> Row:
    metadata = [group[0].metrics.metadata for group in (judged.first, judged.second)]
    labels = dict.fromkeys(each.label for each in metadata if each.label)
    seeds = [
        ", ".join(str(run.metrics.metadata.seed) for run in group)
        for group in (judged.first, judged.second)
    ]
    return Row.of(
        "ours",
        metadata[0].title,
        metadata[1].title,
        "; ".join([metadata[0].data, *labels]),
        judged.first[0].metrics.metrics[judged.metric].title,
        *gain_cells(judged.gain),
        " and ".join(dict.fromkeys(seeds)),
        " and ".join(judged.budgets),
        judged.verdict,
    )


def _missing(claim: Claim, judged: Sequence[Judged]) -> Iterator[Row]:
    """Make a row for every comparison that none of the runs makes."""
    made = {
        tuple(group[0].metrics.metadata.config for group in (each.first, each.second))
        for each in judged
    }
    for comparison in claim.comparisons:
        if (comparison.better, comparison.worse) not in made:
            empty = [NOTHING] * (len(COLUMNS) - 3)
            yield Row.of("published", comparison.better, comparison.worse, *empty, "not measured")
