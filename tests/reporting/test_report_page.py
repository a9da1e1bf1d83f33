"""report.html and comparisons: one file, everything escaped, nothing mixed that differs."""

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.helpers.small_runs import LABEL, SMALL, STILL, make_run
from tfvp.drawing.colours import overlap
from tfvp.errors import RunError
from tfvp.evaluation.samples import read_arrays
from tfvp.evaluation.schema import MODEL, Cost, Speed, TrainedOn, read_metrics
from tfvp.evaluation.suites.schema import INDEX, Case, Suite
from tfvp.reporting.evaluated_run import comparable, names, read_evaluated_run
from tfvp.reporting.figures.box_plots import box_figure
from tfvp.reporting.figures.frame_curves import frame_figure
from tfvp.reporting.figures.gallery import clip_of, shared_clips
from tfvp.reporting.figures.style import baseline_look, legend_columns, look
from tfvp.reporting.figures.training_curves import training_figure
from tfvp.reporting.pages.contents import described
from tfvp.reporting.report import write_comparison, write_report
from tfvp.reporting.robustness import digits_figure, read_robustness, robustness_table
from tfvp.reporting.tables.rows import rank_correlation
from tfvp.reporting.tables.table import INFINITE
from tfvp.runs.folder import Run
from tfvp.system.files import write_json


def page_of(*runs, folder):
    return write_comparison(list(runs), folder).read_text(encoding="utf-8")


def still_run(folder) -> Run:
    """A run on clips that stand still, which the last frame predicts exactly."""
    return make_run(folder, metrics=("mse", "psnr_uint8"), seed=STILL)


def rows_of(page: str, section: str) -> list[list[str]]:
    """The cells of every row of a section's tables, as a reader sees them."""
    part = page.split(f'<section id="{section}"')[1].split("</section>")[0]
    rows = re.findall(r"<tr class=\"(?:ours|baseline|published)\">(.*?)</tr>", part, re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    return [[html.unescape(cell) for cell in row] for row in cells]


def clips_in(page: str) -> list[dict]:
    found = re.search(r'<script type="application/json" id="clips">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_runs_on_the_same_sequences_share_a_table_with_each_baseline_once(tmp_path):
    half, whole = make_run(tmp_path, "a"), make_run(tmp_path, "b", title="Whole", factor=1.0)
    rows = rows_of(page_of(half, whole, folder=tmp_path / "page"), "results")
    assert [row[0] for row in rows] == [
        "E3D-LSTM with Residuals",
        "Whole",
        "Copy last frame",
        "Black frame",
        "Context mean",
    ]
    assert rows[1][1:] == rows[2][1:]  # the whole last frame is what the baseline predicts
    assert rows[0][1:] != rows[1][1:]


def test_runs_on_other_sequences_stand_in_tables_of_their_own(tmp_path):
    runs = [make_run(tmp_path, "a"), make_run(tmp_path, "b", seed=1)]
    assert [len(group) for group in comparable([read_evaluated_run(r) for r in runs])] == [1, 1]
    page = page_of(*runs, folder=tmp_path / "page")
    assert "cannot be compared" in page
    assert page.split("</section>")[0].count("<caption>") == 2
    assert {path.name for path in (tmp_path / "page" / "figures").glob("per_frame_mse*")} == {
        "per_frame_mse_1.png",
        "per_frame_mse_2.png",
    }


def test_runs_of_one_title_are_told_apart(tmp_path):
    evaluated = [read_evaluated_run(make_run(tmp_path, name)) for name in ("a", "b")]
    assert names(evaluated) == ["E3D-LSTM with Residuals (a)", "E3D-LSTM with Residuals (b)"]


def test_page_needs_nothing_beside_it_and_takes_texts_literally(tmp_path):
    page = page_of(
        make_run(tmp_path, label="<script>alert(1)</script> & co"), folder=tmp_path / "page"
    )
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert all('alt=""' not in tag for tag in re.findall(r"<img[^>]*>", page))


def test_gallery_holds_the_frames_of_the_samples(tmp_path):
    run = make_run(tmp_path)
    (clip,) = clips_in(page_of(run, folder=tmp_path / "page"))
    evaluated = read_evaluated_run(run)
    frames, prediction = read_arrays(run.samples, evaluated.samples[0])
    assert (clip["context"], clip["frames"]) == (3, 5)
    for uri, expected in ((clip["truth"], frames), (clip["models"][0]["strip"], prediction)):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))
        height, width = expected.shape[1:3]
        for t, frame in enumerate(expected):
            np.testing.assert_array_equal(pixels[:, t * width : (t + 1) * width], frame[..., 0])
        assert pixels.shape == (height, len(expected) * width)
    errors = evaluated.sequences.values[MODEL]["mse"][3]
    np.testing.assert_allclose(clip["models"][0]["errors"], errors, rtol=1e-3)


def test_every_run_gets_its_page(tmp_path):
    run = make_run(tmp_path)
    write_report(run)
    page = (run.root / "report.html").read_text(encoding="utf-8")
    assert LABEL in html.unescape(page)
    assert "versions.numpy" in page


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    run, folder = make_run(tmp_path), tmp_path / "mine"
    folder.mkdir()
    (folder / "report.html").write_text("my own page")
    with pytest.raises(RunError, match=r"mine holds something that is no comparison"):
        write_comparison([run], folder)
    assert (folder / "report.html").read_text() == "my own page"
    write_report(run)
    with pytest.raises(RunError, match="no comparison"):  # a run's own page is not one either
        write_comparison([run], run.root)


def test_a_comparison_is_made_again_in_its_place(tmp_path):
    runs = [make_run(tmp_path, "a"), make_run(tmp_path, "b", title="B", factor=1.0)]
    folder = tmp_path / "page"
    page_of(*runs, folder=folder)
    assert (folder / "figures" / "strip_00003.png").exists()
    (folder / "figures" / "notes.png").touch()
    page_of(runs[0], folder=folder)
    assert not (folder / "figures" / "strip_00003.png").exists()
    assert (folder / "figures" / "notes.png").exists()
    with pytest.raises(RunError, match="a is given twice"):
        write_comparison([runs[0], runs[0]], folder)


def test_runs_that_are_called_the_same_are_told_apart_by_their_folders(tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    runs = [make_run(tmp_path / folder, "ref") for folder in ("first", "second")]
    page = page_of(*runs, folder=tmp_path / "page")
    assert "first/ref" in page
    assert "second/ref" in page
    again = Run(tmp_path / "second" / ".." / "first" / "ref")
    with pytest.raises(RunError, match="is given twice"):
        write_comparison([runs[0], again], tmp_path / "page")


@pytest.mark.parametrize("name", ["per_frame.csv", "per_sequence.csv"])
def test_a_page_shows_no_numbers_of_two_measurements(tmp_path, name):
    run = make_run(tmp_path, "a")
    other = make_run(tmp_path, "b", factor=1.0)
    path, whole = run.root / name, (run.root / name).read_text()
    lines = whole.splitlines(keepends=True)
    for text in ("".join(lines[:-1]), "".join(lines[:9]), (other.root / name).read_text()):
        path.write_text(text)
        with pytest.raises(RunError, match=f"{name}: is cut short, or of another measurement"):
            page_of(run, folder=tmp_path / "page")
        if name == "per_frame.csv":  # nor does a table, which has no frames
            with pytest.raises(RunError, match=f"{name}: is cut short, or of another measurement"):
                read_evaluated_run(run)
    path.write_text(whole[: len(whole) // 2])  # inside of a line
    with pytest.raises(RunError, match=name):
        page_of(run, folder=tmp_path / "page")
    path.write_text(whole)
    page_of(run, folder=tmp_path / "page")


@pytest.mark.parametrize("content", [b"", b"PK", b"no such thing"])
def test_arrays_of_samples_that_cannot_be_read(tmp_path, content):
    run = make_run(tmp_path, "a")
    (run.samples / "clip_00003.npz").write_bytes(content)
    with pytest.raises(RunError, match=r"clip_00003.npz: .*run the evaluate stage again"):
        page_of(run, folder=tmp_path / "page")


# --- figures ------------------------------------------------------------------------------------


def test_overlap_is_truth_in_white_over_prediction_in_red():
    truth = np.array([1.0, 0.0, 0.5, 0.0]).reshape(1, 1, 4, 1)
    prediction = np.array([0.0, 1.0, 0.75, 0.0]).reshape(1, 1, 4, 1)
    expected = [[1, 1, 1], [1, 0, 0], [0.75, 0.5, 0.5], [0, 0, 0]]
    np.testing.assert_array_equal(overlap(truth, prediction)[0, 0], expected)


def test_strips_show_the_clips_that_all_models_kept(tmp_path):
    group = [
        read_evaluated_run(make_run(tmp_path, "a")),
        read_evaluated_run(make_run(tmp_path, "b", title="B", factor=1.0)),
    ]
    assert shared_clips(group) == [3]
    frames, predictions = clip_of(group, 3)
    np.testing.assert_allclose(predictions["B"][1], frames[2], atol=1 / 255)
    np.testing.assert_allclose(next(iter(predictions.values()))[0], frames[2] / 2, atol=1 / 255)


def test_boxes_are_of_all_the_first_and_the_last_frame(tmp_path):
    evaluated = read_evaluated_run(make_run(tmp_path))
    values = evaluated.sequences.values[MODEL]["mse"]
    picked = (values.mean(axis=1), values[:, 0], values[:, -1])
    for axis, expected in zip(box_figure("mse", {"ours": evaluated}).axes, picked, strict=True):
        drawn = np.concatenate([np.ravel(line.get_xdata()) for line in axis.lines])
        for value in (np.median(expected), expected.max()):
            assert np.isclose(drawn, value).any()


def test_rank_correlation_of_equal_and_of_opposite_orders(tmp_path, monkeypatch):
    first, second = (read_evaluated_run(make_run(tmp_path, name)) for name in ("a", "b"))
    errors = np.array([[1.0, 3], [10, 30], [5, 5], [100, 0]])  # means 2, 20, 5, 50
    first.sequences.values[MODEL]["mse"][:] = errors
    second.sequences.values[MODEL]["mse"][:] = errors**2 + 1  # 6, 501, 26, 5001
    assert rank_correlation("mse", first, second) == pytest.approx(1.0)
    second.sequences.values[MODEL]["mse"][:] = -errors
    assert rank_correlation("mse", first, second) == pytest.approx(-1.0)
    # ranks 1 3 2 4 against 4 3 2 1: 1 - 6 * (9 + 0 + 0 + 9) / (4 * 15)
    second.sequences.values[MODEL]["mse"][:] = np.array([[9.0], [8], [7], [6]])
    assert rank_correlation("mse", first, second) == pytest.approx(1 - 6 * 18 / 60)


def test_training_has_a_panel_a_column_and_a_line_a_run(tmp_path):
    runs = {name: make_run(tmp_path, name) for name in "abcdef"}  # more than there are styles
    assert training_figure(runs) is None
    for number, run in enumerate(runs.values(), start=1):
        run.logs.mkdir()
        run.train_log.write_text(f"step,loss,l2,learning_rate\n1,{number},2,0.1\n2,3,4,0.1\n")
        run.validation_log.write_text("step,mse\n2,7\n")
    figure = training_figure(runs)
    assert figure is not None
    shown = {axis.get_title(): axis for axis in figure.axes if axis.get_visible()}
    assert [title.split(":")[0] for title in shown] == [
        "loss per sequence (weighted sum of its parts)",
        "l2",
        "learning rate",
        "validation mse",
    ]
    first = next(iter(shown.values()))
    assert [line.get_ydata()[0] for line in first.lines] == [1, 2, 3, 4, 5, 6]
    looks = {(line.get_linestyle(), line.get_color()) for line in first.lines}
    assert len(looks) == len(runs)


def test_many_runs_are_told_apart_and_their_legend_stays_low(tmp_path):
    looks = [(each["color"], each["linestyle"]) for each in map(look, range(50))]
    assert len(set(looks)) == 50
    assert looks[0] == ("C0", "-")
    assert [legend_columns(n, 10.0) for n in (1, 5, 6, 11, 40)] == [1, 1, 2, 3, 3]
    assert legend_columns(40, 8.0) == 2
    group = [read_evaluated_run(make_run(tmp_path, f"run{n}", title=f"T{n}")) for n in range(12)]
    figure = frame_figure("mse", group)
    assert figure.legends[0]._ncols == 2
    lines = [line for line in figure.axes[0].lines if str(line.get_label()).startswith("T")]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


def test_baselines_are_told_apart_without_colour_and_an_infinite_one_has_no_entry(tmp_path):
    run = read_evaluated_run(still_run(tmp_path))
    for metric, expected in {"mse": 3, "psnr_uint8": 1}.items():
        figure = frame_figure(metric, [run])
        entries = [text.get_text() for text in figure.legends[0].get_texts()]
        drawn = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
        assert len({line.get_marker() for line in drawn}) == len(drawn) == expected
        assert len(entries) == 1 + expected
        assert all(np.isfinite(line.get_ydata()).any() for line in figure.axes[0].lines)
    assert "Copy last frame" not in entries
    assert len({baseline_look(n)["marker"] for n in range(6)}) == 6


def test_an_infinite_psnr_is_a_dash_with_a_note_everywhere(tmp_path):
    run = still_run(tmp_path)
    write_report(run)
    page = (run.root / "report.html").read_text()
    found = {row[0]: row for row in rows_of(page, "results")}
    assert found["Copy last frame"][-1] == "–"
    assert found["Black frame"][-1] != "–"
    for text in (page, run.report_path.read_text()):
        assert INFINITE in text
        assert not re.search(r"(?<![\w.])inf(?!\w)", text)


def test_pages_have_no_long_numbers_and_no_names_of_the_program(tmp_path):
    run = make_run(tmp_path)
    metrics = read_metrics(run.metrics_path)
    speed = Speed(clips_per_second=12.345678901234567, clips=40, batch=8, device="CPU")
    cost = Cost(parameters=3_700_481, macs=56.812345678901e9, speed=speed)
    facts = metrics.metadata.model_copy(update={"cost": cost, "wall_seconds": 1234.5678901234567})
    write_json(run.metrics_path, metrics.model_copy(update={"metadata": facts}).as_json())
    provenance = {"seconds": 0.123456789012345678, "git": None}
    write_json(run.provenance_path, provenance)
    write_report(run)
    page, text = (run.root / "report.html").read_text(), run.report_path.read_text()
    seen = re.sub(r"<script.*?</script>|<style.*?</style>|data:image[^\"]*", "", page, flags=re.S)
    for shown in (seen, text):
        assert not re.search(r"\d{8}|\bNone\b|trained_on|cost\.|\bgit\b", shown)
        assert "0.123457" in shown
    for line in ("- parameters: 3,700,481", "- multiply-accumulates: 56.81 G; ", "- steps: 600"):
        assert line in text
    assert "- clips a second: 12.35; 40 clips, 8 at once, on CPU" in text
    other = TrainedOn(data="Squares", data_hash="abc", label="")
    elsewhere = dict(described(facts.model_copy(update={"trained_on": other})))
    assert elsewhere["trained on"] == "Squares, hash abc"


@pytest.fixture
def tested(tmp_path):
    """A run with a suite of two cases on one to two digits, one of them skipped."""
    run = make_run(tmp_path / "results", "a")
    cases = [
        Case(name="digits_1", title="1 digit", subject="digits"),
        Case(name="digits_2", title="2 digits", subject="digits"),
        Case(name="glyphs_emnist", title="EMNIST", subject="glyphs", skipped="no emnist/ in root"),
    ]
    folder = run.evaluations / "robustness"
    folder.mkdir(parents=True)
    for number, case in enumerate(cases[:2]):
        other = make_run(tmp_path / "others", case.name, seed=number + 5, data=SMALL)
        other.root.rename(folder / case.name)
    suite = Suite(suite="robustness", cases=cases)
    write_json(folder / INDEX, suite.model_dump(mode="json"))
    return run


def test_robustness_stands_in_table_and_figure(tested):
    suite = read_robustness("ours", tested)
    assert suite is not None
    table = robustness_table([suite])
    assert [section.title for section in table.sections] == ["Digits"]
    assert [row.texts[:2] for row in table.sections[0].rows] == [
        ("1 digit", "ours"),
        ("2 digits", "ours"),
    ]
    assert ("", "EMNIST was not measured: no emnist/ in root.") in table.footnotes
    means = [m.metrics.results[MODEL]["mse"].value for m in suite.evaluated.values()]
    (drawn,) = digits_figure("mse", [suite]).axes[0].containers
    np.testing.assert_allclose(np.asarray(drawn[0].get_ydata(), float), means)
    write_report(tested)
    assert (tested.figures / "robustness_digits.png").exists()
    assert "1 digit" in tested.report_path.read_text()
