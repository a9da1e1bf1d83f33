"""Reads the robustness suites of runs, and makes their table and figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from tfvp.evaluation.schema import ENTROPY_BOUND, MODEL, read_metrics
from tfvp.evaluation.suites.schema import INDEX, Case, case_folder, read_suite
from tfvp.reporting.evaluated_run import SUITE, EvaluatedRun, metrics_of
from tfvp.reporting.figures.style import legend_columns, legend_inches, look
from tfvp.reporting.tables.runs import method_row, metric_columns, metric_footnotes
from tfvp.reporting.tables.table import Row, Section, Table, whole
from tfvp.runs.folder import Run

_WIDTH = 7.0


@dataclass(frozen=True)
class Robustness:
    """The robustness suite of one run."""

    name: str
    cases: tuple[Case, ...]
    evaluated: Mapping[str, EvaluatedRun]  # by the name of the case

    def of(self, subject: str) -> dict[str, EvaluatedRun]:
        """Return the evaluations of a subject's cases by the case's title, in the suite's order."""
        return {
            case.title: self.evaluated[case.name]
            for case in self.cases
            if case.subject == subject and case.name in self.evaluated
        }

    @property
    def subjects(self) -> list[str]:
        """Return what was varied in the cases that were measured."""
        return list(dict.fromkeys(case.subject for case in self.cases if not case.skipped))


def read_robustness(name: str, run: Run) -> Robustness | None:
    """Read a run's suite, or return None where the run has none.

    Raises:
        RunError: a file of the suite is damaged.
    """
    folder = run.evaluations / SUITE
    if not (folder / INDEX).exists():
        return None
    suite = read_suite(folder)
    evaluated = {}
    for case in suite.measured:
        place = case_folder(folder, case)
        evaluated[case.name] = EvaluatedRun(run.name, place, read_metrics(place.metrics_path))
    return Robustness(name, tuple(suite.cases), evaluated)


def robustness_table(suites: Sequence[Robustness]) -> Table:
    """Make the table of all cases of all runs; footnotes name the skipped ones with the reason."""
    everything = [each for suite in suites for each in suite.evaluated.values()]
    metrics = list(metrics_of(everything))
    sections = []
    for subject in dict.fromkeys(s for suite in suites for s in suite.subjects):
        rows = [
            _case_row(title, suite.name, each, metrics)
            for suite in suites
            for title, each in suite.of(subject).items()
        ]
        sections.append(Section(subject.capitalize(), tuple(rows)))
    skipped = {
        f"{case.title} was not measured: {case.skipped}": None
        for suite in suites
        for case in suite.cases
        if case.skipped
    }
    return Table(
        title="Robustness",
        columns=("Case", "Model", *metric_columns(everything), "Sequences"),
        sections=tuple(sections),
        footnotes=(*(("", f"{text}.") for text in skipped), *metric_footnotes(everything)),
    )


def _case_row(title: str, name: str, run: EvaluatedRun, metrics: Sequence[str]) -> Row:
    row = method_row(name, [run], MODEL, metrics)
    return Row.of(row.kind, title, *row.cells, whole(run.metrics.protocol.sequences))


def digits_figure(metric: str, suites: Sequence[Robustness]) -> Figure:
    """Draw the mean error against the number of digits, with 95 % intervals (Feist 2021, 4.9)."""
    figure = Figure(
        figsize=(_WIDTH, 4.3 + legend_inches(len(suites), _WIDTH)), layout="constrained"
    )
    axis = figure.subplots()
    for number, suite in enumerate(suites):
        cases = suite.of("digits")
        estimates = [each.metrics.results[MODEL][metric] for each in cases.values()]
        axis.errorbar(
            list(cases),
            [estimate.value for estimate in estimates],
            yerr=[estimate.half_width or 0.0 for estimate in estimates],
            marker="o",
            capsize=4,
            label=suite.name,
            **look(number),
        )
    cases = suites[0].of("digits")
    bounds = [each.metrics.results.get(ENTROPY_BOUND, {}).get(metric) for each in cases.values()]
    if all(bounds):
        means = [bound.value for bound in bounds if bound]
        axis.plot(list(cases), means, color="gray", linestyle=":", label="entropy bound")
    info = next(iter(cases.values())).metrics.metrics[metric]
    axis.set_ylabel(f"{info.title}, {info.better} is better")
    axis.set_ylim(bottom=0)
    axis.set_title("mean over sequences and predicted frames, bars: 95 % interval")
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=legend_columns(len(suites), _WIDTH))
    return figure
