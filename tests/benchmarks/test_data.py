"""The benchmark of data measures every way there is, and what it says is clips a second."""

from tests.helpers.scripts import benchmark


def test_every_way_is_measured(tmp_path):
    rows = benchmark("data").measure(tmp_path, 32)
    assert len(rows) == 6
    assert all(rate > 0 for _, rate in rows)


def test_clips_per_second_divides_by_the_time(monkeypatch):
    module = benchmark("data")
    clock = iter([10.0, 14.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    assert module.clips_per_second(lambda: 2_000) == 500
