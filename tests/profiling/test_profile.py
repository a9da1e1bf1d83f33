"""`tfvp profile` measures a step and its parts, and says what would fit into memory."""

import importlib.util
import re
from types import SimpleNamespace

import pytest

from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.cli.profile import _memory
from tfvp.profiling.step_parts import micro_batch_that_fits
from tfvp.training import memory

SMALL = [*tiny.OF_ANY, "model.encoder=[12]", "model.decoder=[12]", "training.micro_batch=2"]


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("of_gpu", "said"),
    [
        ((3_000_000_000, 9_000_000_000), "3.00 GB at most, of 9.0 GB; by this training.micro_"),
        ((3_000_000_000, None), "3.00 GB at most"),
    ],
)
def test_memory_is_that_of_the_gpu_where_there_is_one(monkeypatch, of_gpu, said):
    monkeypatch.setattr(memory.backend, "gpu_memory", lambda: of_gpu)
    assert memory.peak_gigabytes() == 3.0
    assert _memory(3.0, before=1.0, share=16, batch=2).startswith(said)
    assert ("micro_batch=8 would fit" in _memory(3.0, 1.0, 16, 2)) == (of_gpu[1] is not None)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
@pytest.mark.parametrize(("platform", "found"), [("gpu", (3, 9)), ("cpu", None)])
def test_jax_says_what_a_gpu_holds(monkeypatch, platform, found):
    import jax

    from tfvp.backend.jax import gpu_memory

    statistics = {"peak_bytes_in_use": 3, "bytes_limit": 9, "bytes_in_use": 2}
    device = SimpleNamespace(platform=platform, memory_stats=lambda: statistics)
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert gpu_memory() == found


def test_tensorflow_says_what_the_fullest_gpu_held(monkeypatch):
    import tensorflow as tf

    from tfvp.backend.tensorflow import gpu_memory

    assert gpu_memory() is None
    peaks = {"GPU:0": 3, "GPU:1": 5}
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: list(peaks))
    monkeypatch.setattr(
        tf.config.experimental,
        "get_memory_info",
        lambda name: {"peak": peaks[name], "current": 1},
    )
    assert gpu_memory() == (5, None)
