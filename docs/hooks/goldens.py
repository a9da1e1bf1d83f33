"""The page of what our numbers are compared with, from the tests that compare them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "docs" / "goldens.txt"


def table() -> str:
    """Join what the command above printed for each backend: one row for each file of numbers."""
    found: dict[str, dict[str, list[str]]] = {}
    backend = ""
    for words in map(str.split, MEASURED.read_text("utf-8").splitlines()):
        if words[1:3] == ["predictions", "gradients"]:
            backend = words[0]
        elif words:
            found.setdefault(words[0], {})[backend] = [*words[1:-2], ""][:2]
    lines = [
        "| numbers | predictions, TensorFlow | gradients | predictions, JAX | gradients |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, by_backend in found.items():
        cells = [*by_backend.get("tensorflow", ["", ""]), *by_backend.get("jax", ["", ""])]
        lines.append(f"| `{name}` | {' | '.join(cell or '–' for cell in cells)} |")
    return "\n".join(lines) + "\n"
