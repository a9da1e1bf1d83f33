"""Python code on README and the documentation's pages runs, page by page, as it stands there."""

import re
from pathlib import Path

import pytest

from tests import ROOT

WITH_PYTHON = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "```python\n" in path.read_text("utf-8")
]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_on_a_page_runs(path: Path, tmp_path, monkeypatch):
    """Its blocks are one program; a block whose first line is `# NAME.py` is a module beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict = {"__name__": "page"}
    for block in re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.M | re.S):
        module = re.match(r"# (\w+\.py)\n", block)
        if module:
            (tmp_path / module[1]).write_text(block, "utf-8")
        exec(compile(block, str(path), "exec"), names)
