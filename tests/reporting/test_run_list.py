"""`tfvp list runs`: how far each run came, and nothing that is damaged or foreign stops it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import tiny
from tests.reporting.test_report import make_run
from tfvp.cli.main import main
from tfvp.reporting.run_list import COLUMNS, list_runs
from tfvp.runs.folder import Run, create_run


def started(day: int) -> dict[str, str]:
    return {"started": f"2026-11-{day:02}T12:00:00+00:00"}


def checkpoint(run: Run, step: int) -> None:
    run.checkpoints.mkdir(exist_ok=True)
    (run.checkpoints / f"step-{step:08d}.npz").write_bytes(b"")


@pytest.fixture
def results(tmp_path) -> Path:
    """Runs of every state; the tiny experiment has six steps."""
    for day, (name, step) in enumerate({"new": 0, "broken_off": 4, "trained": 6}.items(), 1):
        run = create_run(tiny.experiment(tmp_path, name=name), provenance=started(day))
        if step:
            checkpoint(run, step)
    run.logs.mkdir()
    run.validation_log.write_text("step,mse\n2,30.5\n4,21.25\n6,22\n")
    evaluated = make_run(tmp_path / "results", "e3d_residual-quick")
    evaluated.provenance_path.write_text('{"started": "2026-11-04T12:00:00+00:00"}')
    exported = make_run(tmp_path / "results", "shipped")
    (exported.export / "saved_model").mkdir(parents=True)
    exported.provenance_path.write_text('{"started": "2026-11-05T12:00:00+00:00"}')
    return tmp_path / "results"


def rows(results: Path) -> dict[str, dict[str, str]]:
    (section,) = list_runs(results).sections
    return {row.texts[0]: dict(zip(COLUMNS, row.texts, strict=True)) for row in section.rows}


def test_every_state_and_number(results, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    found = rows(results)
    states = {name: row["state"] for name, row in found.items()}
    assert states == {  # the newest first
        "shipped": "exported",
        "e3d_residual-quick": "evaluated",
        "trained": "trained",
        "broken_off": "incomplete",
        "new": "incomplete",
    }
    steps = {name: row["step"] for name, row in found.items()}
    assert (steps["new"], steps["broken_off"], steps["trained"]) == ("0/6", "4/6", "6/6")
    assert found["trained"]["config"] == "e3d_residual"
    assert found["trained"]["validation"] == "mse 21.25 at 4"
    assert found["trained"]["test"] == found["new"]["validation"] == "–"
    assert found["e3d_residual-quick"]["preset"] == "quick"
    assert found["e3d_residual-quick"]["test"].startswith("mse ")
    assert ", ssim_thesis " in found["e3d_residual-quick"]["test"]
    assert found["trained"]["started"][:10] == "2026-11-03"


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("config.yaml", "name: [", "damaged: config"),
        ("config.yaml", "name: x\nmodell: {}\n", "damaged: config"),
        ("config.yaml", "\0\1\2", "damaged: config"),
        ("provenance.json", "[]", "damaged: provenance"),
        ("provenance.json", '{"started": "yesterday"}', "damaged: provenance"),
        ("provenance.json", "{", "damaged: provenance"),
        ("metrics.json", '{"results": 3}', "damaged: metrics"),
        ("logs/validation.csv", "step,mse\n1,x\n", "damaged: validation"),
        ("logs/train.csv", "a\n\0\n", "damaged: checkpoint"),
    ],
)
def test_damage_is_said_in_its_row(results, file, content, says):
    before = rows(results)
    path = results / "trained" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    found = rows(results)
    assert found["trained"]["state"] == says
    others = before.keys() - {"trained"}
    assert {name: found[name] for name in others} == {name: before[name] for name in others}


def test_a_log_in_other_bytes(results):
    (results / "trained" / "logs" / "validation.csv").write_bytes(b"\xff\xfe\xfa")
    (results / "trained" / "config.yaml").write_bytes(b"\xff\xfe\xfa")
    assert rows(results)["trained"]["state"] == "damaged: config, validation"


def test_what_is_no_run_is_passed_over(results):
    before = rows(results)
    (results / "published.yaml").write_text("x")
    (results / "empty").mkdir()
    (results / "holiday").mkdir()
    (results / "holiday" / "photo.jpg").write_bytes(b"x")
    (results / ".tiny.77.new").mkdir()
    (results / ".tiny.77.new" / "config.yaml").write_text("x")
    (results / "loop").symlink_to("loop")
    assert rows(results) == before
    assert not list(results.glob("*/*.new"))


def test_the_command_needs_no_tensorflow_and_other_programs_can_read_it(results, root):
    code = (
        "import sys; from tfvp.cli.main import main; "
        f"code = main(['list', 'runs', '--results', {str(results)!r}]); "
        "heavy = {'tensorflow', 'keras', 'jax'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert lines[0] == list(COLUMNS)
    assert [line[0] for line in lines[1:]] == list(rows(results))


def test_no_runs_and_no_folder(tmp_path, capsys):
    assert main(["list", "runs", "--results", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: no runs\n"
    assert main(["list", "runs", "--results", str(tmp_path / "x")]) == 1
    assert "no such folder" in capsys.readouterr().err
