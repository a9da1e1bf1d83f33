"""The benchmark of data measures every way there is, and what it says is clips a second."""

import importlib.util
from pathlib import Path


def load():
    path = Path(__file__).parent.parent / "benchmarks" / "data.py"
    spec = importlib.util.spec_from_file_location("benchmarks_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_way_is_measured(tmp_path):
    rows = load().measure(tmp_path, 32)
    assert len(rows) == 6
    assert all(rate > 0 for _, rate in rows)


def test_clips_per_second_divides_by_the_time(monkeypatch):
    module = load()
    clock = iter([10.0, 14.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    assert module.clips_per_second(lambda: 2_000) == 500
