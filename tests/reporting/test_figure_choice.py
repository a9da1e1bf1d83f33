"""Which metric, which clips and which cases figures show, and the bound of the cross entropy."""

import numpy as np
import pytest

from tests.helpers.small_runs import SMALL, make_reconstruction, make_run
from tfvp.errors import RunError
from tfvp.evaluation.metrics import METRICS
from tfvp.evaluation.schema import ENTROPY_BOUND
from tfvp.evaluation.suites.schema import INDEX, Case, Suite
from tfvp.reporting.evaluated_run import read_evaluated_run
from tfvp.reporting.figures.box_plots import box_figure
from tfvp.reporting.figures.figures import (
    box_pictures,
    case_pictures,
    check_metric,
    figure_metric,
    strip_pictures,
)
from tfvp.reporting.figures.frame_curves import frame_figure
from tfvp.reporting.robustness import read_robustness
from tfvp.reporting.tables.literature import literature_table
from tfvp.reporting.tables.published import load_published
from tfvp.reporting.tables.runs import by_frame_table, runs_table
from tfvp.system.files import write_json

NATS = ("mse", "cross_entropy")


@pytest.fixture(scope="module")
def feists(tmp_path_factory):
    """Two networks of Feist's table, measured by the squared error first."""
    folder = tmp_path_factory.mktemp("feists")
    made = [
        make_run(folder, name, title=name, factor=factor, metrics=NATS)
        for name, factor in (("conv_lstm_stack", 0.5), ("vpn_feist", 0.4))
    ]
    return made, [read_evaluated_run(run) for run in made]


def test_a_figures_metric_is_that_of_its_table_or_what_was_asked_for(feists, tmp_path):
    _, runs = feists
    assert figure_metric(runs) == "cross_entropy"
    assert figure_metric(runs, "mse") == "mse"
    other = [read_evaluated_run(make_run(tmp_path, "mine", title="Mine", metrics=NATS))]
    assert figure_metric(other) == "mse"
    assert [picture.metric for picture in box_pictures([runs])] == ["cross_entropy"]
    assert [picture.metric for picture in box_pictures([runs], "mse")] == ["mse"]
    check_metric(runs, "mse")
    with pytest.raises(RunError, match="--metric mae: none of the runs"):
        check_metric(runs, "mae")


def test_the_bound_stands_in_tables_and_figures_in_nats_alone(feists):
    _, runs = feists
    values = runs[0].sequences.values
    assert set(values[ENTROPY_BOUND]) == {"cross_entropy"}
    bound = values[ENTROPY_BOUND]["cross_entropy"]
    assert (bound < values["model"]["cross_entropy"]).all()
    frames = np.full((1, 1, 8, 8, 1), 0.25, np.float32)
    entropy = -64 * (0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    np.testing.assert_allclose(METRICS["cross_entropy"](frames, frames), [[entropy]], rtol=1e-6)

    table = runs_table(runs)
    (row,) = (row for row in table.sections[0].rows if row.texts[0] == "Entropy bound")
    assert row.texts[1] == "–", "a squared error of 0 says nothing"
    assert row.cells[4].value == pytest.approx(bound.mean())
    assert any("Entropy bound: the cross entropy" in text for _, text in table.footnotes)
    feist = next(each for each in load_published().tables if each.id == "feist_4.1")
    printed = literature_table(feist, runs)
    assert any("Entropy bound" in row.texts[0] for s in printed.sections for row in s.rows)
    assert "Entropy bound" not in by_frame_table("mse", runs).columns
    assert "Entropy bound" in by_frame_table("cross_entropy", runs).columns

    def labels(figure):
        return [t.get_text() for legend in figure.legends for t in legend.get_texts()]

    assert "Entropy bound" in labels(frame_figure("cross_entropy", runs))
    assert "Entropy bound" not in labels(frame_figure("mse", runs))
    axis = box_figure("cross_entropy", {"a": runs[0]}).axes[1]
    line = next(line for line in axis.lines if line.get_label() == "entropy bound")
    assert line.get_xdata()[0] == pytest.approx(bound[:, 0].mean())
    axes = box_figure("mse", {"a": runs[0]}).axes
    assert not [line for axis in axes for line in axis.lines if line.get_label() == "entropy bound"]


def test_each_name_of_a_box_plot_is_drawn_once(tmp_path):
    runs = {n: read_evaluated_run(make_run(tmp_path, n)) for n in ("one", "other")}
    first = box_figure("mse", runs).axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["one", "other"]


def test_boxes_and_strips_of_reconstructions_do_not_say_predicted(tmp_path):
    run = read_evaluated_run(make_reconstruction(tmp_path))
    titles = [axis.get_title() for axis in box_figure("mse", {"ours": run}).axes]
    assert titles == [
        "all reconstructed frames",
        "first reconstructed frame",
        "last reconstructed frame",
    ]
    (picture,) = box_pictures([[run]])
    assert "predicted" not in picture.alternative


def test_clips_that_a_configuration_names_are_all_drawn(feists):
    _, runs = feists
    (drawn,) = strip_pictures([runs])
    assert drawn.name == "strip_00003"
    for run in runs:
        run.samples[:] = [
            sample.model_copy(update={"clip": clip, "note": "named by evaluation.clips"})
            for sample in run.samples[:1]
            for clip in (1, 2, 3)
        ]
    assert [p.name for p in strip_pictures([runs])] == [f"strip_0000{i}" for i in (1, 2, 3)]


def test_cases_of_a_suite_show_several_models_side_by_side(feists, tmp_path):
    made, _ = feists
    case = Case(name="digits_4", title="4 digits", subject="digits")
    for run in made:
        folder = run.evaluations / "robustness"
        folder.mkdir(parents=True)
        other = make_run(tmp_path / run.name, "digits_4", title=run.name, seed=5, metrics=NATS)
        other.root.rename(folder / case.name)
        write_json(folder / INDEX, Suite(suite="robustness", cases=[case]).model_dump(mode="json"))
    suites = [suite for run in made if (suite := read_robustness(run.name, run))]
    (picture,) = case_pictures(suites)
    assert (picture.name, picture.title) == ("strip_case_digits_4", "4 digits, clip 3")
    assert "conv_lstm_stack and vpn_feist" in picture.alternative
    assert not list(case_pictures(suites[:1]))


def test_a_single_predicted_frame_has_one_column_of_its_own(tmp_path):
    one = SMALL.model_copy(update={"predict_frames": 1})
    table = runs_table([read_evaluated_run(make_run(tmp_path, data=one))])
    assert [column for column in table.columns if "MSE" in column] == ["MSE ↓", "MSE, frame 4"]
    (section,) = table.sections
    assert {len(row.cells) for row in section.rows} == {len(table.columns)}
