"""The other documents' tables: numbers as printed, and ours in their columns by hand."""

import csv
import io
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.helpers.small_runs import SMALL, make_run
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.errors import RunError
from tfvp.evaluation.per_sequence import read_sequences
from tfvp.evaluation.schema import Cost, Speed, read_metrics
from tfvp.evaluation.suites.schema import INDEX, Case, Suite
from tfvp.reporting.evaluated_run import read_evaluated_run
from tfvp.reporting.render.csv_latex import comma_separated
from tfvp.reporting.tables.literature import literature_table, names_a_run
from tfvp.reporting.tables.published import load_published, published_path
from tfvp.reporting.tables.table import Cell, Row, Table
from tfvp.runs.folder import ResultFolder, Run
from tfvp.system.files import write_json

AS_PRINTED = {  # every number of a table, line by line
    "feist_4.1": "367.2 361.6 219.7 457.0 | 179.8 354.7 302.3 395.2 | 87.6 170.3 119.8 216.1",
    "feist_4.2": "3.7e6 | 1.0e6 | 3.8e7",
    "feist_4.3": "361.6 361.5 | 354.7 354.8 | 170.3 205.5",
    "feist_4.4": "0.798 | 0.574 | 0.553",
    "wang_1": "0.027440 | 0.025928 | 0.019883",
    "wang_2": "0.02008 | 0.00172 | None | None",
    "colonna_1": "2478 | 1927 | 1647 | 1520 | 1659 | None",
}
CE = ("mse", "cross_entropy")
COST = Cost(
    parameters=3_700_481,
    macs=56.8e9,
    speed=Speed(clips_per_second=12.5, clips=40, batch=8, device="CPU, 2 cores"),
)


def published(name: str):
    (found,) = [table for table in load_published().tables if table.id == name]
    return found


def table_of(name: str, *runs: Run) -> Table:
    return literature_table(published(name), [read_evaluated_run(run) for run in runs])


def our_rows(table: Table, kind: str = "ours") -> list[Row]:
    return [row for section in table.sections for row in section.rows if row.kind == kind]


def at(table: Table, row: Row, title: str) -> Cell:
    """The cell of a column."""
    (place,) = [i for i, column in enumerate(table.columns) if column.startswith(title)]
    return row.cells[place]


def costing(run: Run) -> Run:
    """The run, its evaluation having recorded what the network costs."""
    metrics = read_metrics(run.metrics_path)
    metadata = metrics.metadata.model_copy(update={"cost": COST})
    write_json(run.metrics_path, metrics.model_copy(update={"metadata": metadata}).as_json())
    return run


def note_of(table: Table, cell: Cell) -> str:
    return dict(table.footnotes)[cell.sign]


# --- as printed ---------------------------------------------------------------------------------


def test_a_run_of_a_preset_stands_under_the_row_of_its_title_and_no_other_run_does(tmp_path):
    usual = make_run(tmp_path / "a", "conv_lstm_skip", label="", title="ConvLSTM with skips")
    longer = make_run(tmp_path / "b", "conv_lstm_skip", label="", title="ConvLSTM, 5x5")
    five_epochs, twenty_epochs, _ = table_of("colonna_1", usual, longer).sections
    models = [row.cells[0].text for row in (*five_epochs.rows, *twenty_epochs.rows)]
    assert models.index("ours: ConvLSTM with skips") == models.index("ConvLSTM") + 1
    assert models[-3:] == ["ConvLSTM, 5x5", "ours: ConvLSTM, 5x5", "ConvLSTM, 3x3"]


@pytest.mark.parametrize("name", AS_PRINTED)
def test_numbers_are_the_documents(name):
    found = [" ".join(map(str, row.values.values())) for row in published(name).rows]
    assert " | ".join(found) == AS_PRINTED[name]


OPENSTL = {  # its first line, and how many networks each section has
    "openstl_mnist": ("15.0 56.8 113 29.80 90.64 0.9288 22.10", [15, 12]),
    "openstl_kth": ("14.9 1368 16 47.65 445.5 0.8977 26.99 0.2669", [13]),
    "openstl_kitti": ("15.0 595 33 139.6 1583.3 0.9345 27.46 0.0858", [13]),
}


@pytest.mark.parametrize("name", OPENSTL)
def test_openstls_columns_are_consistent(name):
    """No frame's mean PSNR lies below that of the mean error (Jensen); misprints would show."""
    table, (first, counts) = published(name), OPENSTL[name]
    assert " ".join(map(str, table.rows[0].values.values())) == first
    assert [len(section.rows) for section in table.sections] == counts
    for row in table.rows:
        mse, psnr = (row.values[key] for key in ("mse", "psnr"))
        if mse and psnr:
            least = -10 * math.log10(float(mse) / table.frame_values)
            assert least <= float(psnr) + 0.005 < least + 5, row.model
    assert table.frame_values == {"mnist": 4096, "kth": 16384, "kitti": 61440}[name.split("_")[1]]


def test_what_a_document_left_out_is_a_dash_and_no_line_of_csv():
    table = table_of("wang_2")
    rows = our_rows(table, "published")
    assert [row.texts[1] for row in rows][2:] == ["–", "–"]
    lines = list(csv.DictReader(io.StringIO(comma_separated({"wang_2": table}))))
    assert [line["shown"] for line in lines] == ["0.02008", "0.00172"]


def test_every_printed_number_has_a_note_and_a_column_may_have_its_own():
    for each in load_published().tables:
        table = literature_table(each, [])
        numbers = [c for row in our_rows(table, "published") for c in row.cells[1:] if c.sign]
        assert numbers
        assert all(note_of(table, cell) for cell in numbers)
    table = table_of("feist_4.1")
    expected, average = our_rows(table, "published")[0].cells[1:3]
    assert "papers that it rebuilds" in note_of(table, expected)
    assert "document's own" in note_of(table, average)


def test_bytes_are_converted_to_our_scale():
    """2478 * 4096 / 255² = 156.09; the printed number stands beside it."""
    table = table_of("colonna_1")
    row = our_rows(table, "published")[0]
    assert row.texts[1].startswith("2478 ")
    converted = at(table, row, "MSE, our scale")
    assert converted.text == "156.1"
    assert converted.value == pytest.approx(156.0919, abs=1e-3)
    assert "Not printed" in note_of(table, converted)
    assert at(table, row, "Steps").text == "2,500"


# --- ours in their columns ----------------------------------------------------------------------


def test_our_error_is_converted_to_bytes(tmp_path):
    run = make_run(tmp_path, "conv_lstm_skip")
    table = table_of("colonna_1", run)
    (row,) = our_rows(table)
    mse = read_evaluated_run(run).metrics.results["model"]["mse"]
    assert at(table, row, "MSE, our scale").value == mse.value
    found = at(table, row, "MSE, values 0 to 255")
    assert found.value == pytest.approx(mse.value * 255**2 / (16 * 20))
    assert found.half == pytest.approx((mse.half_width or 0) * 255**2 / (16 * 20))
    assert found.sequences == 4
    assert "sequences 4 (table: 1000)" in note_of(table, found)


def test_first_and_last_frame_have_columns_of_their_own(tmp_path):
    run = make_run(tmp_path, "conv_lstm_stack", metrics=CE)
    shape = (4, 5, *SMALL.frame_px)
    clips = np.random.default_rng(0).random((*shape, 1), np.float32)[..., 0].astype(float)
    p, t = clips[:, 2:3] * 0.5, clips[:, 3:]
    nats = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(axis=(2, 3))  # (4, 2)
    table = table_of("feist_4.1", run)
    (row,) = our_rows(table)
    by_hand = {"Cross": nats.mean(), "First": nats[:, 0].mean(), "Tenth": nats[:, 1].mean()}
    for title, value in by_hand.items():
        assert at(table, row, title).value == pytest.approx(value, rel=1e-5)
    assert at(table, row, "Expected").text == "–"
    baseline = our_rows(table, "baseline")[0]
    assert at(table, baseline, "First").value is not None
    texts = [text for _, text in table.footnotes]
    assert any("First frame of our rows" in t and "first predicted frame" in t for t in texts)


def test_a_run_without_any_of_the_metrics_is_not_there(tmp_path):
    table = table_of("feist_4.1", make_run(tmp_path, "conv_lstm_stack"))
    assert our_rows(table) == our_rows(table, "baseline") == []
    assert any("None of our runs" in text for _, text in table.footnotes)


def test_costs_are_in_the_columns_units_and_speed_names_its_device(tmp_path):
    data = MovingMnistData(digits="mnist", context_frames=10, predict_frames=10)
    run = costing(make_run(tmp_path, "conv_lstm_openstl", data=data, label=""))
    table = table_of("openstl_mnist", run)
    (row,) = our_rows(table)
    shown = [at(table, row, title) for title in ("Parameters", "MACs", "Clips/s")]
    assert [cell.value for cell in shown] == pytest.approx([3.700481, 56.8, 12.5])
    assert shown[0].sign != shown[2].sign
    assert note_of(table, shown[2]).endswith("timed on CPU, 2 cores, 8 clips at once")
    assert all(at(table, r, "MACs").text == "–" for r in our_rows(table, "baseline"))
    (counted,) = our_rows(table_of("feist_4.2", run))
    assert counted.cells[1].text == "3,700,481"


def with_suite(run: Run, factor: float = 0.5) -> Run:
    """Give a run two test sets, of other sequences than its own."""
    folder = run.evaluations / "robustness"
    folder.mkdir(parents=True)
    cases = [Case(name=n, title=n, subject="test set") for n in ("original", "research")]
    for seed, case in enumerate(cases, start=5):
        other = make_run(run.root / "made", case.name, seed=seed, metrics=CE, factor=factor)
        other.root.rename(folder / case.name)
    suite = Suite(suite="robustness", cases=cases)
    write_json(folder / INDEX, suite.model_dump(mode="json"))
    return run


@pytest.fixture
def suited(tmp_path) -> Run:
    return with_suite(make_run(tmp_path / "results", "conv_lstm_stack", metrics=CE))


def test_test_sets_of_the_suite_have_columns(suited):
    table = table_of("feist_4.3", suited)
    (row,) = our_rows(table)
    evaluated = read_evaluated_run(suited)
    for column, case in (("Original", "original"), ("Research", "research")):
        each = evaluated.on_case(case)
        assert each is not None
        value = each.metrics.results["model"]["cross_entropy"].value
        assert at(table, row, column).value == value
    assert at(table, row, "Original").value != at(table, row, "Research").value
    assert evaluated.on_case("digits_1") is None


def test_pairs_are_correlated_over_the_same_sequences(tmp_path):
    first = make_run(tmp_path, "conv_lstm_stack", metrics=CE, title="A")
    second = make_run(tmp_path, "other", metrics=CE, title="B", factor=1.0)
    elsewhere = make_run(tmp_path, "elsewhere", metrics=CE, title="C", seed=1)
    table = table_of("feist_4.4", first, second, elsewhere)
    (row,) = our_rows(table)
    errors = [
        read_evaluated_run(run).sequences.values["model"]["cross_entropy"].mean(axis=1)
        for run in (first, second)
    ]
    assert row.cells[1].value == pytest.approx(spearmanr(*errors).statistic)
    assert row.texts[0] == "ours: A and B"
    assert at(table, row, "Sequences").text == "4"
    assert our_rows(table, "baseline") == []
    first.per_sequence_path.unlink()  # as where a run was recorded without
    assert our_rows(table_of("feist_4.4", first, second)) == []


def test_a_pair_stands_under_its_published_pair_whatever_the_order(tmp_path):
    runs = [
        make_run(tmp_path, "spatio_temporal_feist", metrics=CE, title="S"),
        make_run(tmp_path, "conv_lstm_stack", metrics=CE, title="C", factor=1.0),
    ]
    table = table_of("feist_4.4", *runs)
    kinds = [row.kind for row in table.sections[0].rows]
    assert kinds == ["published", "ours", "published", "published"]


def test_pairs_take_the_research_set_where_both_have_it(suited, tmp_path):
    other = make_run(tmp_path / "more", "b", metrics=CE, title="B", factor=1.0)

    def correlated(folders) -> float:
        errors = [read_sequences(f.per_sequence_path).values["model"][CE[1]] for f in folders]
        return spearmanr(*(each.mean(axis=1) for each in errors)).statistic

    own = correlated([suited, other])
    assert our_rows(table_of("feist_4.4", suited, other))[0].cells[1].value == pytest.approx(own)
    with_suite(other, factor=0.0)
    folders = [ResultFolder(run.evaluations / "robustness" / "research") for run in (suited, other)]
    (row,) = our_rows(table_of("feist_4.4", suited, other))
    assert row.cells[1].value == pytest.approx(correlated(folders)) != own


def test_pages_show_the_tables_that_name_a_run(tmp_path):
    evaluated = [read_evaluated_run(make_run(tmp_path, "conv_lstm_stack"))]
    named = [t.id for t in load_published().tables if names_a_run(t, evaluated)]
    assert named == ["feist_4.1", "feist_4.2", "feist_4.3", "feist_4.4"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("converts: mse_bytes", "converts: bytes", "mse: converts 'bytes'"),
        ("cost: parameters, ", "cost: weights, ", "cost: .*'parameters'"),
        ("frame: first", "frame: 1", "frame: .*'all', 'first' or 'last'"),
        ("{mse: null}, ours: fc_", "{}, ours: fc_", "expected values for"),
        ("pair: [conv_lstm_stack, ", "pair: [", "pair: List should have at least 2"),
    ],
)
def test_a_damaged_column_is_refused(tmp_path, old, new, message):
    path, text = tmp_path / "published.yaml", published_path().read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(RunError, match=message):
        load_published(path)
