"""CONTRIBUTING's network, written as it stands there, trains and exports as an outside package."""

import re
import subprocess
import sys

import pytest

from tests import ROOT

SMALL = (
    *("data.frame_px=[12, 16]", "data.digit_px=6", "data.digits=sklearn", "data.digit_count=1"),
    *("data.context_frames=3", "data.predict_frames=2", "data.train_sequences=8"),
    *("data.validation_sequences=4", "data.test_sequences=4", "training.global_batch=4"),
    *("training.steps=2", "training.validation_clips=4", "evaluation.samples=1"),
    "evaluation.metrics=[mse]",
)


def files_on_the_page() -> dict[str, str]:
    """Path -> content of every fenced block whose first line is a comment with a path."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return dict(
        re.findall(r"^```\w+\n# (two_frames\S*)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    )


@pytest.fixture
def site(tmp_path):
    for name, content in files_on_the_page().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "two_frames-1.dist-info" / "METADATA").write_text("Name: two-frames\nVersion: 1\n")
    return tmp_path


def run(site, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=site,
        env={"PYTHONPATH": f"{site}:{ROOT}", "PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


@pytest.mark.slow
def test_the_network_of_contributing_trains_two_steps_and_its_file_loads(site):
    assert len(files_on_the_page()) == 5
    overrides = [word for change in SMALL for word in ("--set", change)]
    command = [str(ROOT / "run.py"), "--config", "two_frames.yaml", *overrides]
    done = run(site, *command, "--stages", "prepare,train,evaluate,export")
    assert done.returncode == 0, done.stderr
    assert "trained 2 steps" in done.stdout
    file = site / "results" / "two_frames" / "export" / "network.keras"
    program = f"import tfvp, keras; print(keras.saving.load_model({str(file)!r}).core.hidden)"
    loaded = run(site, "-c", program)
    assert loaded.stdout == "8\n", loaded.stderr
    listed = run(site, "-c", "from tfvp.cli.main import main; main(['list', 'models'])")
    assert "two_frames\n  paper       nobody, never\n" in listed.stdout, listed.stderr


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("two_frames = no_such_package", "no_such_package cannot be imported: ModuleNotFoundError"),
        ("predrnn = two_frames", "two_frames cannot have the name 'predrnn', which is tfvp.models"),
    ],
)
def test_a_package_that_cannot_be_used_spoils_nothing_and_says_why(site, point, reason):
    points = site / "two_frames-1.dist-info" / "entry_points.txt"
    points.write_text(f"[tfvp.models]\n{point}\n")
    show = [str(ROOT / "run.py"), "--config", "e3d", "--stages", "nonsense"]
    assert "unknown stage" in run(site, *show).stderr
    refused = run(site, "-c", "import tfvp; tfvp.load_config('two_frames')")
    last = refused.stderr.strip().splitlines()[-1]
    assert "model.network: expected 'eidetic_stack', " in last
    assert reason in last
