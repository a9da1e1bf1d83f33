"""The page of the quickstart notebook: its texts and its code, which CI runs."""

import json
from pathlib import Path

FOOT = """
The same as a notebook to run: `docs/quickstart.ipynb`. CI runs it from the first cell to the last.
"""


def page(notebook: Path) -> str:
    """Return a notebook as Markdown, without outputs."""
    parts = []
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join([*parts, FOOT])
