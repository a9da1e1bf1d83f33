"""Collects the figures of one or several runs as pictures with a name, a title and a text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfvp.drawing.clips import models_strip
from tfvp.drawing.clips import png as picture_png
from tfvp.errors import RunError
from tfvp.reporting.evaluated_run import EvaluatedRun, comparable, metrics_of, names
from tfvp.reporting.figures.box_plots import box_figure, made
from tfvp.reporting.figures.frame_curves import frame_chart, frame_figure
from tfvp.reporting.figures.gallery import clip_of, named_clips, shared_clips
from tfvp.reporting.figures.style import png, svg
from tfvp.reporting.figures.training_curves import training_figure
from tfvp.reporting.figures.validation_curves import validation_figure
from tfvp.reporting.robustness import Robustness, digits_figure
from tfvp.reporting.tables.literature import names_a_run
from tfvp.reporting.tables.published import load_published
from tfvp.runs.folder import Run
from tfvp.system.files import write_bytes

TRAINING = "training"
STRIP_CLIPS = 2  # clips that all models predicted, drawn under each other where none were named


@dataclass(frozen=True)
class Picture:
    """A figure as PNG, with its file name, title and alternative text; `metric` if it shows one.

    `svg` is what a page shows in its place, where it is a drawing of lines.
    """

    name: str
    title: str
    alternative: str
    png: bytes
    metric: str | None = None
    svg: bytes | None = None


def frame_pictures(groups: Sequence[Sequence[EvaluatedRun]]) -> Iterator[Picture]:
    """Draw error against frame number, for each metric of each group of comparable runs."""
    for number, group in enumerate(groups):
        for metric, info in metrics_of(group).items():
            yield Picture(
                _numbered(f"per_frame_{metric}", number, groups),
                f"{info.title} by frame",
                f"{info.title} against frame number for {_listed(names(group))} and the "
                "baselines; the numbers stand in the table below",
                png(frame_figure(metric, group)),
                metric,
                svg(frame_chart(metric, group)),
            )


def figure_metric(runs: Sequence[EvaluatedRun], asked: str | None = None) -> str:
    """Choose the metric of a figure that shows one: what was asked for, or that of their table.

    Args:
        runs: the runs in the figure.
        asked: a metric; runs that were not measured with it have no part in the figure.

    Returns:
        `asked` if one of the runs was measured with it. Else the first of their metrics that a
        published table with a row of one of them prints, or the first of all.
    """
    measured = list(metrics_of(runs))
    if asked in measured:
        return str(asked)
    tables = [table for table in load_published().tables if names_a_run(table, runs)]
    printed = {metric.ours for table in tables[:1] for metric in table.metrics}
    return next((metric for metric in measured if metric in printed), measured[0])


def check_metric(runs: Sequence[EvaluatedRun], asked: str | None) -> None:
    """Raise RunError if a metric is asked for that none of the runs was measured with."""
    measured = metrics_of(runs)
    if asked is not None and asked not in measured:
        raise RunError(
            f"--metric {asked}: none of the runs was measured with it; they have "
            f"{', '.join(measured)}"
        )


def box_pictures(
    groups: Sequence[Sequence[EvaluatedRun]], asked: str | None = None
) -> Iterator[Picture]:
    """Draw the spread of a metric over sequences, for each group of comparable runs."""
    for number, group in enumerate(groups):
        metric = figure_metric(group, asked)
        info = metrics_of(group)[metric]
        named = dict(zip(names(group), group, strict=True))
        named = {n: run for n, run in named.items() if run.sequences_path.exists()}
        if not any(metric in run.metrics.metrics for run in named.values()):
            continue  # reference runs of many sequences
        drawn = box_figure(metric, named)
        yield Picture(
            _numbered(f"boxes_{metric}", number, groups),
            f"{info.title} over sequences",
            f"box plots of each sequence's {info.title} over all, the first and the last "
            f"{made(group[0])} frame for {_listed(list(named))}",
            png(drawn),
            metric,
            svg(drawn),
        )


def budget_pictures(groups: Sequence[Sequence[EvaluatedRun]]) -> Iterator[Picture]:
    """Draw validation errors by updates and seconds, for each group of comparable runs."""
    for number, group in enumerate(groups):
        figure = validation_figure(group)
        if figure is not None:
            yield Picture(
                _numbered("budget_mse", number, groups),
                "Validation error by budget",
                f"validation MSE of {_listed(names(group))} against updates and seconds of "
                "training, with the error of copying the last frame",
                png(figure),
                svg=svg(figure),
            )


def training_pictures(runs: Mapping[str, Run]) -> Iterator[Picture]:
    """Draw losses, validation and schedules of all runs; nothing where nothing was logged."""
    figure = training_figure(runs)
    if figure is not None:
        text = f"training curves of {_listed(list(runs))}: every logged column against the step"
        yield Picture(TRAINING, "Training", text, png(figure), svg=svg(figure))


def strip_pictures(groups: Sequence[Sequence[EvaluatedRun]]) -> Iterator[Picture]:
    """Draw clips that all models of a group predicted: truth, predictions, errors and overlap."""
    for number, group in enumerate(groups):
        for clip in named_clips(group) or shared_clips(group)[:STRIP_CLIPS]:
            frames, predictions = clip_of(group, clip)
            title = f"Test clip {clip}"
            drawn = models_strip(frames, predictions, title)
            yield Picture(
                _numbered(f"strip_{clip:05d}", number, groups),
                title,
                f"test clip {clip}: context, truth, and prediction, absolute error and overlap of "
                f"{_listed(list(predictions))}",
                picture_png(drawn),
            )


def case_pictures(suites: Sequence[Robustness]) -> Iterator[Picture]:
    """Draw a clip of every case that several models were measured on (Feist 2021, 4.10, 4.12)."""
    for name in dict.fromkeys(case for suite in suites for case in suite.evaluated):
        having = [suite.evaluated[name] for suite in suites if name in suite.evaluated]
        shared = shared_clips(having)
        if len(having) < 2 or len(comparable(having)) > 1 or not shared:
            continue
        clip = (named_clips(having) or shared)[0]
        cases = (case for suite in suites for case in suite.cases if case.name == name)
        title = f"{next(cases).title}, clip {clip}"
        frames, predictions = clip_of(having, clip)
        yield Picture(
            f"strip_case_{name}",
            title,
            f"{title}: context, truth, and prediction, absolute error and overlap of "
            f"{_listed(list(predictions))}",
            picture_png(models_strip(frames, predictions, title)),
        )


def robustness_pictures(
    suites: Sequence[Robustness], asked: str | None = None
) -> Iterator[Picture]:
    """Draw error against the number of digits, and box plots of every other subject."""
    for subject in dict.fromkeys(s for suite in suites for s in suite.subjects):
        having = [suite for suite in suites if suite.of(subject)]
        cases = {
            f"{suite.name}: {title}" if len(having) > 1 else title: each
            for suite in having
            for title, each in suite.of(subject).items()
        }
        metric = figure_metric(list(cases.values()), asked)
        info = metrics_of(list(cases.values()))[metric]
        figure = digits_figure(metric, having) if subject == "digits" else box_figure(metric, cases)
        yield Picture(
            f"robustness_{subject.replace(' ', '_')}",
            f"{info.title} by {subject}",
            f"{info.title} for {_listed(list(cases))}; the means stand in the table of robustness",
            png(figure),
            metric,
            svg(figure),
        )


def write_pictures(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write every picture as <name>.png; nothing else in the folder is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        write_bytes(folder / f"{picture.name}.png", picture.png)


def all_pictures(
    folders: Mapping[str, Run],
    runs: Sequence[EvaluatedRun],
    suites: Sequence[Robustness],
    metric: str | None = None,
) -> list[Picture]:
    """Draw every figure of the runs, in the order in which pages show them.

    Args:
        folders: the name of each run in figures -> its folder.
        runs: the evaluations of these runs.
        suites: the robustness suites of those that have one.
        metric: of the figures that show one; None: that of the runs' published table.

    Raises:
        RunError: none of the runs was measured with the metric, or a file of theirs is damaged.
    """
    check_metric(runs, metric)
    groups = comparable(runs)
    several = [group for group in groups if len(group) > 1]
    return [
        *frame_pictures(groups),
        *box_pictures(groups, metric),
        *strip_pictures(several),
        *robustness_pictures(suites, metric),
        *case_pictures(suites),
        *budget_pictures(several),
        *training_pictures(folders),
    ]


def _numbered(name: str, number: int, groups: Sequence[Sequence[EvaluatedRun]]) -> str:
    return name if len(groups) == 1 else f"{name}_{number + 1}"


def _listed(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
