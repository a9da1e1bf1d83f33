"""docs/quickstart.ipynb runs from its first cell to its last, in minutes, and holds no outputs."""

import json
import os
import time

import pytest

from tests import ROOT

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"
SECONDS = 180


def test_the_notebook_is_kept_without_outputs():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.slow
def test_the_notebook_runs_from_clean(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="the extra docs is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra docs is not installed")
    pytest.importorskip("ipykernel", reason="the extra docs is not installed")
    places = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    began = time.monotonic()
    client = nbclient.NotebookClient(
        notebook, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    assert time.monotonic() - began < SECONDS
    texts = ["".join(o.get("text", "")) for c in notebook.cells for o in c.get("outputs", [])]
    losses = [json.loads(line) for text in texts for line in text.splitlines() if line[0] == "["]
    assert len(losses) == 2
    assert all(each[-1] < each[0] for each in losses)
    pictures = [o for c in notebook.cells for o in c.get("outputs", []) if "data" in o]
    assert len(pictures) == 2
