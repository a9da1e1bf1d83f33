"""`tfvp profile` measures a step and its parts, and says what would fit into memory."""

import re

import pytest

from tests import tiny
from tfvp.cli import main
from tfvp.step_parts import micro_batch_that_fits

SMALL = [change for change in tiny.CHANGES if not change.startswith(("model.", "training.sched"))]
SMALL += ["model.encoder=[12]", "model.decoder=[12]", "training.micro_batch=2"]


def test_a_profile_is_printed_and_nothing_is_left_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    changes = [f"--set={change}" for change in (*SMALL, f"data.prepared={tmp_path / 'data'}")]
    assert main(["profile", "--config", "simple_lstm", "--steps", "1", *changes]) == 0
    said = capsys.readouterr().out
    value = dict(re.findall(r"^(\w[\w ]*?) {2,}(.*)$", said, flags=re.MULTILINE))
    units, pixels = 12, 12 * 16
    dense = (pixels + 1) * units + (units + 1) * units + (units + 1) * pixels
    assert value["parameters"] == f"{dense + 4 * units * (2 * units + 1):,}"
    assert value["a step"].startswith("2 clips of 6 frames, float32; an update takes 2 of them")
    step = float(value["step"].split()[0])
    parts = re.findall(r"^  (?:forward|backward|update) +(\S+) s$", said, flags=re.MULTILINE)
    assert sum(map(float, parts)) >= step - 1e-3
    assert "training.micro_batch=4 would fit" in value["memory"]
    assert not list(tmp_path.iterdir())


def test_steps_are_at_least_one(capsys):
    with pytest.raises(SystemExit):
        main(["profile", "--config", "simple_lstm", "--steps", "0"])
    assert "expected at least 1" in capsys.readouterr().err


def test_what_fits_by_hand():
    """One gigabyte before the steps and one for each of two clips: 9 GB hold 8 of them."""
    assert micro_batch_that_fits(16, 2, before=1.0, peak=3.0, memory=9.0) == 8
    assert micro_batch_that_fits(16, 2, before=1.0, peak=3.0, memory=8.9) == 4
    assert micro_batch_that_fits(12, 2, before=1.0, peak=3.0, memory=9.0) == 6
    assert micro_batch_that_fits(16, 2, before=1.0, peak=3.0, memory=0.5) == 1
