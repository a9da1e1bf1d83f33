"""The comparison with OpenSTL: what it needs, how its networks are built, what the table says."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

from tests import ROOT
from tests.helpers.scripts import benchmark
from tfvp.config.loading import load_config

peers = benchmark("peers")

CELL = """
class {cell}:
    pass
class _Hidden:
    pass
"""
MODEL = """
from unittest.mock import MagicMock
from openstl.modules import {cell}
class {model}:
    def __init__(self, num_layers, num_hidden, configs):
        self.cell, self.made_with = {cell}, (num_layers, num_hidden, configs)
    def to(self, device):
        return MagicMock()
"""
CELLS = {"e3dlstm": "Eidetic3DLSTMCell", "convlstm": "ConvLSTMCell", "predrnn": "STLSTMCell"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A stand-in for OpenSTL, whose own __init__.py need what is not installed."""
    for package in ("openstl", "openstl/models", "openstl/modules"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("import nowhere_to_be_found\n")
    for pair in peers.PAIRS.values():
        cell = CELLS[pair.file]
        folder, words = tmp_path / "openstl", {"cell": cell, "model": pair.model}
        (folder / "modules" / f"{pair.file}_modules.py").write_text(CELL.format(**words))
        (folder / "models" / f"{pair.file}_model.py").write_text(MODEL.format(**words))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "openstl"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("name", peers.PAIRS)
def test_a_peer_has_the_sizes_of_ours(checkout, name):
    pair = peers.PAIRS[name]
    experiment = load_config(pair.config, overrides=["data.predict_frames=7"])
    built = peers.build_peer(checkout, pair, experiment)
    layers, hidden, settings = built.made_with
    assert built.cell.__name__ == CELLS[pair.file]
    assert (layers, hidden) == (4, [64] * 4 if name == "E3D" else [128] * 4)
    assert (settings.in_shape, settings.patch_size) == ((10, 1, 64, 64), 4)
    assert (settings.pre_seq_length, settings.aft_seq_length) == (10, 7)


def test_frames_are_cut_into_patches():
    frames = np.arange(2 * 3 * 4 * 6 * 1).reshape(2, 3, 4, 6, 1)
    patches = peers.in_patches(frames, 2)
    assert patches.shape == (2, 3, 2, 3, 4)
    np.testing.assert_array_equal(patches[1, 2, 1, 2], frames[1, 2, 2:4, 4:6, 0].ravel())


def test_a_peer_is_measured(checkout, monkeypatch):
    """Torch itself is a stand-in that takes every call: the numbers mean nothing."""
    torch = MagicMock(__version__="0")
    torch.cuda.is_available.return_value = False
    monkeypatch.setitem(sys.modules, "torch", torch)
    small = ["data.frame_px=[8, 8]", "data.digit_px=4"]
    words = SimpleNamespace(
        batch=3, steps=2, precision="mixed_bfloat16", overrides=small, openstl=checkout
    )
    found = peers.measure_here("E3D", "OpenSTL", words)
    assert all(found[key] > 0 for key in peers.COLUMNS.values())
    assert (found["device"], found["with"]) == ("CPU", "torch 0")
    assert torch.from_numpy.call_args.args[0].shape == (3, 20, 2, 2, 16)
    torch.autocast.assert_called_with("cpu", torch.bfloat16, enabled=True)
    assert torch.optim.Adam.return_value.step.call_count == 3


def run(monkeypatch, *words: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["peers.py", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        peers.main()
    return ended.value.code


def test_what_it_needs_is_one_line(checkout, monkeypatch, capsys):
    def needs(*words: object) -> str:
        assert run(monkeypatch, *words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: a comparison needs ")
        return line

    assert "--openstl DIR, and torch" in needs()
    find = importlib.util.find_spec
    missing = lambda name, *rest: None if name == "torch" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)
    assert "torch, which is not installed" in needs("--openstl", checkout)
    (checkout / "openstl/models/predrnn_model.py").unlink()
    assert f"{checkout} has no openstl/models/predrnn_model.py" in needs("--openstl", checkout)


def test_what_fails_is_said_and_the_rest_is_measured(checkout, monkeypatch, capsys):
    asked = []

    def fake(command: list[str], **_: object) -> SimpleNamespace:
        name, side = command[-2:]
        asked.append((name, side))
        if (name, side) == ("ConvLSTM", "OpenSTL"):
            return SimpleNamespace(stdout="", stderr="Traceback\nValueError: no", returncode=1)
        slower = 3.0 if side == "OpenSTL" else 1.5
        row = {**dict.fromkeys(peers.COLUMNS.values(), slower), "load": 0.5}
        return SimpleNamespace(stdout=f"{peers.RESULT}{json.dumps(row)}", stderr="", returncode=0)

    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(peers.subprocess, "run", fake)
    file = checkout / "x.json"
    assert run(monkeypatch, "--openstl", checkout, "--json", file) == 1
    assert asked == [(name, side) for name in peers.PAIRS for side in ("OpenSTL", "ours")]
    table = capsys.readouterr().out
    assert "| E3D, OpenSTL / ours |  |  |  | 2.00 | 2.00 | 2.00 | 2.00 |" in table
    assert "| ConvLSTM, OpenSTL | 2 | float32 | failed: ValueError: no |" in table
    assert "ConvLSTM, OpenSTL / ours" not in table
    monkeypatch.setattr(sys, "argv", ["peers.py", "--show", str(file)])
    peers.main()
    assert capsys.readouterr().out == table


@pytest.mark.slow
def test_ours_is_measured(monkeypatch):
    small = ["data.frame_px=[8, 8]", "data.digit_px=4", "model.hidden=[2]"]
    small += ["data.context_frames=2", "data.predict_frames=2"]
    words = SimpleNamespace(batch=1, steps=1, precision="float32", overrides=small)
    found = peers.measure_here("ConvLSTM", "ours", words)
    assert all(found[key] > 0 for key in peers.COLUMNS.values())


def test_the_page_holds_the_table_of_what_was_measured():
    rows = json.loads((ROOT / "docs" / "performance_peers.json").read_text("utf-8"))
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert peers.markdown(rows) in page
