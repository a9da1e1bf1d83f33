"""The report: every published number, our rows in place, nothing compared that differs."""

import io
import shutil
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from tests.helpers.small_runs import LABEL, make_run
from tfvp.config.loading import load_config
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.errors import ConfigError, RunError
from tfvp.reporting.evaluated_run import read_evaluated_run
from tfvp.reporting.figures.training_curves import read_log
from tfvp.reporting.render.markdown_console import console, markdown
from tfvp.reporting.report import write_report
from tfvp.reporting.tables.literature import literature_table
from tfvp.reporting.tables.published import load_published, published_path
from tfvp.reporting.tables.table import Table, estimate_text, number_text
from tfvp.runs.folder import Run

# The two tables as the thesis prints them.
TABLE_4_1 = """
ConvLSTM 0.713 96.5 | DFN 0.726 89.0 | CDNA 0.728 84.2 | FRNN 0.819 68.4 | VPN Baseline 0.870 64.1
PredRNN 0.869 56.5 | PredRNN++ 0.885 46.3 | E3D-LSTM 0.910 41.3 | E3D-LSTM Baseline 0.880 69.8
E2D-LSTM with [1,5,5] kernel 0.862 75.0 | E3D-LSTM with Residuals 0.890 59.1
E3D-LSTM Finetuned with l2 only 0.9199 39.5
E3D-LSTM Finetuned with Residuals and l1 + l2 0.9219 42.5
"""
TABLE_4_2 = """
ConvLSTM 23.58 0.712 | DFN 27.26 0.794 | FRNN 26.12 0.771 | PredRNN 27.55 0.839
PredRNN++ 28.47 0.865 | E3D-LSTM 29.31 0.879 | E3D-LSTM Baseline 27.73 0.854
E2D-LSTM with [1,5,5] kernel 23.30 0.838 | E3D-LSTM with Residuals 27.61 0.863
E3D-LSTM Finetuned with Residuals and l1 + l2 29.67 0.881
"""


def printed(text: str) -> list[tuple[str, str, str]]:
    lines = [line.rsplit(maxsplit=2) for line in text.replace("|", "\n").strip().splitlines()]
    return [(model.strip(), first, second) for model, first, second in lines]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with logs and a written report; tests only read it."""
    run = make_run(tmp_path_factory.mktemp("results"))
    run.logs.mkdir()
    header = "step,loss,l1,l2,learning_rate,truth_probability\n"
    lines = [f"{s},{9000 / s},{6000 / s},{3000 / s},0.001,{1 - s / 900}\n" for s in (1, 300, 600)]
    run.train_log.write_text(header + "".join(lines))
    run.validation_log.write_text("step,mse\n300,30.5\n600,21.25\n")
    write_report(run)
    return run


def table_of(run_or_runs, table: int = 0) -> Table:
    runs = run_or_runs if isinstance(run_or_runs, list) else [run_or_runs]
    return literature_table(load_published().tables[table], [read_evaluated_run(r) for r in runs])


def rows_of(table: Table, kind: str) -> list[tuple[str, ...]]:
    return [row.texts for section in table.sections for row in section.rows if row.kind == kind]


# --- the literature -----------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "text"), [(0, TABLE_4_1), (1, TABLE_4_2)])
def test_published_rows_are_the_thesis_in_its_order(number, text):
    published = load_published().tables[number]
    rows = [(row.model, *(row.values[m.name] for m in published.metrics)) for row in published.rows]
    assert rows == printed(text)


@pytest.mark.parametrize(("number", "text"), [(0, TABLE_4_1), (1, TABLE_4_2)])
def test_tables_without_runs_hold_every_published_number_with_source_and_protocol(number, text):
    table = table_of([], number)
    shown = markdown(table)
    for cells, (model, *values) in zip(rows_of(table, "published"), printed(text), strict=True):
        assert cells[0].split(" §")[0].startswith(model)
        assert [cell.split()[0] for cell in cells[1:3]] == values
        assert cells[4] == load_published().tables[number].data
        assert f"Table 4.{number + 1}" in cells[-1]
        assert all(value in shown for value in values)
    sections = [s.title for s in table.sections]
    assert sections == ["Previous work", "Trained from scratch", "Fine-tuned"]
    assert "K. Tan" in shown
    assert "None of our runs" in shown


GRID = {  # Dittrich's slides: autoencoder, PredNet, spatio-temporal, each ConvLSTM then PredRNN
    "dittrich_mnist": "0.027 0.028 0.035 0.041 0.024 0.022",
    "dittrich_kth": "1.55e-3 0.05 1.95e-3 1.93e-3 3.1e-3 0.025 0.0013 0.00072",
    "dittrich_kitti": "0.02 0.013 0.019 0.02 0.018 0.017",
}


@pytest.mark.parametrize("name", GRID)
def test_the_grid_of_three_networks_and_two_cells_is_as_printed(name):
    (published,) = [t for t in load_published().tables if t.id == name]
    assert [row.values["mse"] for row in published.rows] == GRID[name].split()
    for row in published.rows:  # every configuration exists and has the document's preset
        if row.ours:
            usual = {"dittrich_mnist": None, "dittrich_kth": "kth", "dittrich_kitti": "kitti"}
            data = load_config(row.ours, preset=row.preset or usual[name]).data
            same = ("dataset", "context_frames", "predict_frames")
            assert [getattr(data, key) for key in same] == [published.protocol[k] for k in same]
            assert list(data.frame_px) == published.protocol["frame_px"]


def test_a_mean_over_pixels_is_compared_with_a_mean_over_pixels(tmp_path):
    data = MovingMnistData(digits="mnist", context_frames=9, predict_frames=1)
    run = make_run(tmp_path, "autoencoder_conv_lstm", data=data, label="")
    (published,) = [t for t in load_published().tables if t.id == "dittrich_mnist"]
    evaluated = read_evaluated_run(run)
    table = literature_table(published, [evaluated])
    (cells,) = rows_of(table, "ours")
    value = evaluated.metrics.results["model"]["mse"].value
    pixels = np.prod(evaluated.metrics.protocol.frame_shape)
    assert float(cells[1].split()[0]) == pytest.approx(value / pixels, rel=0.05)
    assert any("divided by the number of values in a frame" in text for _, text in table.footnotes)


def test_definitions_that_differ_within_a_column_have_different_signs():
    rows = rows_of(table_of([]), "published")
    signs = [cells[1].split()[1] for cells in rows]
    assert len(set(signs[:8])) == len(set(signs[8:])) == 1
    assert signs[0] != signs[8]


# --- our rows -----------------------------------------------------------------------------------


def test_our_row_follows_its_published_row_and_is_marked(run):
    table = table_of(run)
    scratch = next(s for s in table.sections if s.title == "Trained from scratch")
    assert [row.kind for row in scratch.rows] == ["published"] * 3 + ["ours"]
    model, ssim, mse, steps, data, sequences, seed, source = scratch.rows[-1].texts
    assert model == f"ours: E3D-LSTM with Residuals, {LABEL}"
    assert (steps, sequences, seed, source) == ("600", "4", "0", "run e3d_residual-quick")
    assert data == "Moving MNIST with scikit-learn's digits, 16×20, 3→2"
    sign = ssim.split()[-1]
    results = read_evaluated_run(run).metrics.results["model"]
    assert ssim == f"{estimate_text(results['ssim_thesis'])} {sign}"
    assert mse == f"{estimate_text(results['mse'])} {sign}"
    notes = dict(table.footnotes)
    assert notes[sign].startswith(f"{LABEL}; not comparable with the published rows: ")
    for different in (
        "digits sklearn (table: mnist)",
        "frame_px 16×20 (table: 64×64)",
        "digit_px 8 (table: 28)",
        "context_frames 3 (table: 10)",
        "predict_frames 2 (table: 10)",
        "sequences 4 (table: 5000)",
    ):
        assert different in notes[sign]
    assert sign not in {cells[1].split()[1] for cells in rows_of(table, "published")}


def test_baselines_stand_with_ours_on_the_same_sequences(run):
    table = table_of(run)
    assert table.sections[-1].title == "Baselines, on our rows' sequences"
    rows = rows_of(table, "baseline")
    assert [cells[0] for cells in rows] == ["Copy last frame", "Black frame", "Context mean"]
    sign = rows_of(table, "ours")[0][1].split()[-1]
    for cells in rows:
        assert cells[1].endswith(sign)
        assert cells[-1] == "same sequences as run e3d_residual-quick"
    for cells, method in zip(rows, ("copy_last_frame", "black_frame", "context_mean"), strict=True):
        assert (
            cells[2]
            == f"{estimate_text(read_evaluated_run(run).metrics.results[method]['mse'])} {sign}"
        )


def test_a_run_by_the_tables_protocol_is_not_marked(tmp_path):
    """All but the number of sequences agrees; that alone is what the note says."""
    data = MovingMnistData(digits="mnist", context_frames=10, predict_frames=10)
    run = make_run(tmp_path, "e3d_residual", data=data, label="")
    table = table_of(run)
    cells = rows_of(table, "ours")[0]
    notes = [text for _, text in table.footnotes if "not comparable" in text]
    assert notes == ["not comparable with the published rows: sequences 4 (table: 5000)"]
    published = load_published().tables[0]
    same = published.model_copy(update={"protocol": {**published.protocol, "sequences": 4}})
    unmarked = rows_of(literature_table(same, [read_evaluated_run(run)]), "ours")[0]
    assert unmarked[1] == cells[1].rsplit(" ", 1)[0]
    assert "‡" not in "".join(unmarked)


def test_runs_of_no_published_row_come_last_and_equal_baselines_once(tmp_path):
    runs = [
        make_run(tmp_path, "e3d"),
        make_run(tmp_path, "mine", title="My network"),
        make_run(tmp_path, "other_seed", title="My network", seed=1),
    ]
    table = table_of(runs)
    titles = [s.title for s in table.sections]
    assert titles[3:] == ["Our other runs", "Baselines, on our rows' sequences"]
    assert [row.texts[-1] for row in table.sections[3].rows] == ["run mine", "run other_seed"]
    sources = [row.texts[-1] for row in table.sections[4].rows]
    # Called like another configuration by --name, yet its title says which row it is.
    assert table.sections[1].rows[-1].texts[-1] == "run e3d"
    assert sources[0] == "same sequences as run e3d, mine"
    assert sources[3] == "same sequences as run other_seed"
    assert len(sources) == 6


def test_baselines_are_shown_once_though_runs_have_different_metrics(tmp_path):
    runs = [
        make_run(tmp_path, "e3d", metrics=("mse",)),
        make_run(tmp_path, "mine", metrics=("ssim_thesis",), title="My network"),
    ]
    rows = rows_of(table_of(runs), "baseline")
    assert [cells[0] for cells in rows] == ["Copy last frame", "Black frame", "Context mean"]
    results = [read_evaluated_run(run).metrics.results["black_frame"] for run in runs]
    assert rows[1][1].split(" ±")[0] in estimate_text(results[1]["ssim_thesis"])
    assert rows[1][2].split(" ±")[0] in estimate_text(results[0]["mse"])


def test_a_run_on_another_dataset_is_not_in_the_table(run):
    assert rows_of(table_of(run, 1), "ours") == []
    assert rows_of(table_of(run, 1), "baseline") == []


@pytest.mark.parametrize(
    ("mean", "high", "expected"),
    [
        (59.1234, 59.9134, "59.12 ± 0.79"),
        (0.91234, 0.91264, "0.91234 ± 0.00030"),
        (325.4, 348.4, "325 ± 23"),
        (12.0, 12.0, "12"),
        (41.3, None, "41.3"),
        (float("inf"), None, "–"),
    ],
)
def test_numbers_are_written_to_the_second_digit_of_the_interval(mean, high, expected):
    assert number_text(mean, high) == expected


# --- renderings ---------------------------------------------------------------------------------


def test_console_takes_texts_literally(tmp_path):
    screen = Console(width=240, file=io.StringIO(), record=True)
    screen.print(console(table_of(make_run(tmp_path, label="[bold]loud[/bold]")), screen.width))
    text = screen.export_text()
    assert "E2D-LSTM with [1,5,5] kernel" in text
    assert "ours: E3D-LSTM with Residuals, [bold]loud[/bold]" in text
    for model, *values in printed(TABLE_4_1):
        assert model.split()[-1] in text
        assert all(value in text for value in values)


@pytest.mark.parametrize("width", [80, 100])
def test_console_breaks_no_word(width, tmp_path):
    run = read_evaluated_run(make_run(tmp_path))
    for published in load_published().tables:
        table = literature_table(published, [run])
        screen = Console(width=width, file=io.StringIO(), record=True)
        screen.print(console(table, width))
        text = screen.export_text()
        assert max(map(len, text.splitlines())) <= width
        rows = [row.texts for section in table.sections for row in section.rows]
        notes = [f"{sign} {note}" for sign, note in table.footnotes]
        words = " ".join(cell for cells in (table.columns, *rows, notes) for cell in cells)
        assert set(words.split()) <= set(text.split())
        assert all(cell in text for cells in rows for cell in cells if "±" in cell)  # on one line


def test_markdown_cells_cannot_break_the_table(tmp_path):
    table = table_of(make_run(tmp_path, label="a | b\n<img src=x> *c*"))
    lines = [line for line in markdown(table).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {9}
    assert "\\<img" in markdown(table)


# --- the report ---------------------------------------------------------------------------------


def test_report_holds_the_row_the_tables_and_pictures_that_exist(run):
    text = run.report_path.read_text()
    assert text.startswith("# E3D-LSTM with Residuals\n")
    assert LABEL in text
    for line in ("- seed: 0", "- steps: 600", "- checkpoint: best validation mse", "weights: raw"):
        assert line in text
    for _, *values in printed(TABLE_4_1):
        assert all(f" {value} " in text for value in values)
    assert "Table 4.2" not in text  # of a dataset that the run was not measured on
    assert "versions.numpy: 2" in text
    assert "wiring plain" in text
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert set(links) == {
        "config.yaml",
        "figures/boxes_mse.png",
        "figures/per_frame_mse.png",
        "figures/per_frame_ssim_thesis.png",
        "figures/training.png",
        "samples/clip_00003.png",
        "samples/clip_00003.gif",
    }
    assert all((run.root / link).is_file() for link in links)


def test_report_again_is_the_same_and_drops_figures_of_metrics_no_longer_measured(run, tmp_path):
    copy = Run(tmp_path / run.name)
    shutil.copytree(run.root, copy.root)
    (copy.figures / "per_frame_mae.png").touch()
    write_report(copy)
    assert not (copy.figures / "per_frame_mae.png").exists()
    assert copy.report_path.read_bytes() == run.report_path.read_bytes()


def test_report_of_an_untrained_evaluation_has_no_training_curves(tmp_path):
    run = make_run(tmp_path)
    write_report(run)
    assert "training.png" not in run.report_path.read_text()


def test_report_says_what_is_missing(tmp_path):
    run = make_run(tmp_path)
    run.metrics_path.unlink()
    with pytest.raises(RunError, match=r"metrics\.json: not there; run the evaluate stage"):
        write_report(run)
    assert not run.report_path.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,loss\n1,2,3\n", "differ in length"),
        ("step,loss\n1\n", "differ in length"),
        ("step,loss\n1,two\n", "could not convert"),
        ("loss\n1\n", "no column `step`"),
    ],
)
def test_damaged_logs_are_refused(tmp_path, text, message):
    path = tmp_path / "train.csv"
    path.write_text(text)
    with pytest.raises(RunError, match=message):
        read_log(path)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('ssim: "0.713"', "ssim: 0.713", RunError, r"values\.ssim: .* string"),
        ('ssim: "0.713"', 'sim: "0.713"', RunError, r"4\.1, ConvLSTM: expected values"),
        ("better: higher", "better: bigger", RunError, r"better: .*'lower' or 'higher'"),
        ("model: DFN", "modell: DFN", RunError, r"rows\.1\.model: Field required"),
        ("tables:", "tables: [", ConfigError, "not valid YAML"),
    ],
)
def test_a_damaged_published_file_is_refused(tmp_path, old, new, error, message):
    path = tmp_path / "published.yaml"
    path.write_text(published_path().read_text().replace(old, new, 1))
    with pytest.raises(error, match=message):
        load_published(path)


def test_reporting_imports_neither_tensorflow_nor_keras():
    code = (
        "import pkgutil, importlib, sys, tfvp.reporting as package\n"
        "for module in pkgutil.iter_modules(package.__path__, 'tfvp.reporting.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'tfvp.reporting.report' in sys.modules\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
