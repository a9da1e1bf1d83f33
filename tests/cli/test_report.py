"""`tfvp report`: what programs read back from its formats, and its refusals."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.reporting.test_report import TABLE_4_1, make_run, printed
from tfvp.cli.main import main
from tfvp.reporting.render.csv_latex import LATEX_HEAD, comma_separated, latex, latex_text
from tfvp.reporting.tables.published import load_published
from tfvp.reporting.tables.table import EMPTY, Cell, Row, Section, Table, as_printed, number, whole

SMALL = Table(
    "T",
    ("Model", "MSE ↓", "Steps", "Data", "Sequences", "Seed", "Source"),
    (
        Section(
            "S",
            (
                Row.of(
                    "ours",
                    Cell("A_1 ± 2, b", sign="†"),
                    number(59.1234, 0.79, 20).signed("‡"),
                    whole(1500),
                    "d",
                    whole(30),
                    "3",
                    "run r",
                ),
                Row.of("published", "C", EMPTY, "–", "d", "–", "–", "t"),
                Row.of("published", "D", as_printed("0.890"), "–", "d", "–", "–", "t"),
            ),
        ),
    ),
    (("†", "a remark"), ("‡", "another protocol")),
)


def test_csv_has_plain_numbers_and_the_note_of_each():
    line, published = csv.DictReader(io.StringIO(comma_separated({"9": SMALL})))
    assert (published["model"], published["mean"], published["shown"]) == ("D", "0.89", "0.890")
    assert line == {
        "table": "9",
        "section": "S",
        "kind": "ours",
        "model": "A_1 ± 2, b",
        "metric": "MSE",
        "mean": "59.1234",
        "half_interval": "0.79",
        "shown": "59.12 ± 0.79",
        "note": "another protocol",
        "steps": "1500",
        "data": "d",
        "sequences": "20",
        "seed": "3",
        "source": "run r",
        "half_interval_seeds": "",
        "deviation_seeds": "",
    }


def test_every_published_number_is_in_the_csv(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "--table", "4.1", "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = {(line["model"], line["metric"], line["shown"]) for line in lines}
    for model, ssim, mse in printed(TABLE_4_1):
        assert {(model, "SSIM", ssim), (model, "MSE", mse)} <= found


def test_latex_escapes_and_closes_what_it_opens():
    assert latex_text(r"a_b & 5% \x {^}") == (
        r"a\_b \& 5\% \textbackslash{}x \{\textasciicircum{}\}"
    )
    assert latex_text("σ é") == "[U+03C3] é"
    text = latex(SMALL)
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 1
    assert r"$59.12$" not in text
    assert r"59.12 $\pm$ 0.79\textsuperscript{\ddag{}}" in text
    assert r"{@{}lrrlrll@{}}" in text  # numbers stand on the right
    first_page, later_pages = text.split(r"\endfirsthead")
    assert r"{}Steps & {}Data" in first_page
    assert r"{}Steps & {}Data" in later_pages.split(r"\endhead")[0]
    assert text.count("{") == text.count("}")
    assert all(len(re.findall(r"(?<!\\)&", row)) == 6 for row in text.splitlines() if "{}59" in row)


def test_latex_leaves_out_empty_columns_and_folds_long_texts():
    rows = (Row.of("published", "a model whose name is long enough", "–", as_printed("1"), ""),)
    text = latex(Table("T", ("Model", "Steps", "MSE", "Seed"), (Section("", rows),), ()))
    assert r"{}Model & {}MSE \\" in text
    assert "Steps" not in text
    assert r"p{0.2\linewidth}r@{}}" in text


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex on this machine")
def test_latex_compiles_every_table_and_nothing_leaves_the_page(tmp_path: Path):
    run = make_run(tmp_path / "r", label=r"50 % of $\a_b$ & {c} # ~^ <|> σ", title="[0] E3D \\")
    runs = [str(run.root), str(make_run(tmp_path / "s", "predrnn").root)]
    out = tmp_path / "body.tex"
    assert main(["report", *runs, "--format", "latex", "--out", str(out)]) == 0
    head = re.findall(r"\\usepackage\S+", LATEX_HEAD)
    (tmp_path / "all.tex").write_text(
        "\n".join(
            [
                r"\documentclass{article}",
                r"\usepackage[a4paper,landscape,margin=1.5cm]{geometry}",
                *head,
                r"\begin{document}\input{body}\end{document}",
            ]
        )
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    for _ in range(2):  # column widths are known after the first time
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "all.pdf").stat().st_size > 20_000


def test_our_row_stands_in_the_table_with_its_caveat(tmp_path: Path):
    run = make_run(tmp_path / "results")
    out = tmp_path / "t.csv"
    assert main(["report", str(run.root), "--format", "csv", "--out", str(out)]) == 0
    ours = [line for line in csv.DictReader(out.open()) if line["kind"] == "ours"]
    assert {line["metric"] for line in ours if line["table"] == "4.1"} == {"SSIM", "MSE"}
    assert all("not comparable with the published rows" in line["note"] for line in ours)
    before = out.read_bytes()
    assert main(["report", "--out", str(out)]) != 0
    assert out.read_bytes() == before


@pytest.mark.slow
def test_the_tables_that_concern_the_run_or_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def printed_tables(*words: str) -> set[str]:
        assert main(["report", *words, "--format", "csv"]) == 0
        return {line["table"] for line in csv.DictReader(io.StringIO(capsys.readouterr().out))}

    run = str(make_run(tmp_path).root)
    everything = {table.id for table in load_published().tables}
    assert printed_tables(run) == {"4.1"}
    assert printed_tables(run, "--all") == printed_tables() == everything
    assert printed_tables(run, "--table", "4.2", "wang_1") == {"4.2", "wang_1"}
    # a configuration that no table names: those on the same data
    others = printed_tables(str(make_run(tmp_path, "my_own").root))
    assert {"4.1", "wang_1"} < others < everything
    assert main(["report", run, "--all", "--table", "4.1"]) != 0
    assert "leave out one" in capsys.readouterr().err


def test_unknown_table_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "--table", "9.9"]) != 0
    error = capsys.readouterr().err.strip()
    assert "no table '9.9'; expected one of 4.1, 4.2" in error
    assert "\n" not in error
