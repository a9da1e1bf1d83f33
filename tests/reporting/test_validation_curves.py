"""Validation errors by budget: read from logs and from what is kept, drawn for several runs."""

import pytest

from tests.helpers.small_runs import make_run
from tests.reporting.test_reference import finished, record
from tfvp.reporting.evaluated_run import read_evaluated_runs
from tfvp.reporting.figures.validation_curves import read_curve, validation_figure
from tfvp.runs.folder import Run
from tfvp.training.logging import tensorboard
from tfvp.training.logging.tensorboard import EventFile

# of naming a file, opening it, going on, and of each step
TIMES = [100, 101, *(103, 107, 111, 115), 500, 500, 501, *(502, 506)]


@pytest.fixture
def logged(monkeypatch):
    """Gives a run the logs of two stretches: steps 3 and 4 of the first are taken again."""

    def logs_of(run: Run, factor: float) -> Run:
        now = iter(TIMES)
        monkeypatch.setattr(tensorboard.time, "time", lambda: float(next(now)))
        for start, steps in ((0, (1, 2, 3, 4)), (2, (3, 4))):
            events = EventFile(run.tensorboard / "train", start)
            for step in steps:
                events.scalars(step, {"loss": 1.0})
            events.close()
        run.validation_log.write_text(f"step,mse\n2,{8 * factor}\n4,{4 * factor}\n")
        return run

    return logs_of


def test_seconds_go_on_where_training_was_resumed(tmp_path, logged):
    run = make_run(tmp_path)
    assert read_curve(run) is None
    curve = read_curve(logged(run, 1.0))
    assert curve == ([2, 4], [6, 12], [8, 4])
    for path in (run.tensorboard / "train").iterdir():
        path.unlink()
    curve = read_curve(run)
    assert curve is not None
    assert curve.csv == "step,seconds,mse\n2,nan,8\n4,nan,4\n"


def test_a_reference_run_keeps_its_curve(tmp_path, logged):
    run = logged(finished(tmp_path), 1.0)
    assert record(run, tmp_path) == 0
    assert read_curve(Run(tmp_path / "reference" / "e3d")) == read_curve(run)


def test_every_run_has_a_line_by_updates_and_by_seconds(tmp_path, logged):
    runs = [logged(make_run(tmp_path, name, title=name), f) for name, f in (("a", 1.0), ("b", 2.0))]
    group = read_evaluated_runs([*runs, make_run(tmp_path, "without", title="without")])
    figure = validation_figure(group)
    assert figure is not None
    copied = group[0].metrics.results["copy_last_frame"]["mse"].value
    for axis, x in zip(figure.axes, ([2, 4], [6, 12]), strict=True):
        first, second, line = axis.lines
        assert (list(first.get_xdata()), list(first.get_ydata())) == (x, [8, 4])
        assert (list(second.get_xdata()), list(second.get_ydata())) == (x, [16, 8])
        assert list(line.get_ydata()) == [copied, copied]
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["a", "b"]
    assert validation_figure(group[2:]) is None
