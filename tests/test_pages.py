"""Python code on README and the documentation's pages runs, page by page, as it stands there."""

from pathlib import Path

import pytest

from tests import ROOT
from tests.test_docs import fenced

# trackers.md: tests/experiment/test_mlflow.py, which needs mlflow
ELSEWHERE = {"trackers.md"}
WITH_PYTHON = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if fenced(path.read_text("utf-8"), "python") and path.name not in ELSEWHERE
]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_on_a_page_runs(path: Path, tmp_path, monkeypatch):
    """Its blocks are one program."""
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "page"}
    for block in fenced(path.read_text("utf-8"), "python"):
        exec(compile(block, str(path), "exec"), names)
