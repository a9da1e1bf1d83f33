"""The script of faults counts what is refused, what is accepted and what does not hold."""

from pathlib import Path

from tests.helpers.scripts import benchmark

faults = benchmark("faults")


def test_cases_are_counted_by_how_they_end(tmp_path: Path, monkeypatch):
    row = faults.Row("configurations")
    (tmp_path / "bad.yaml").write_text("a: [1")
    faults.run(row, ("cut", ["config", "--config", str(tmp_path / "bad.yaml")]))
    faults.run(row, ("whole", ["config", "--config", "e3d"]))

    def broken(words: list[str]) -> int:
        raise KeyError("broken")

    monkeypatch.setattr(faults, "tfvp", broken)
    faults.run(row, ("traceback", ["config"]))
    assert (row.tried, row.refused, row.accepted) == (3, 1, 1)
    assert row.failed == ["traceback: KeyError: 'broken'"]


def test_every_damage_is_another_content():
    found = dict(faults.damages(bytes(range(200)), 20, 0))
    assert {len(content) for content in found.values()} == {0, 20, 100, 180, 200}
    assert bytes(range(200)) not in found.values()
