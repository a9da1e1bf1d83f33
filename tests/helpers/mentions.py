"""Which test files mention something."""

import ast

from tests import ROOT

# They look for mentions themselves.
_ASKING = {"test_architecture.py", "test_coverage.py"}


def mentions_in_tests(text: str) -> list[str]:
    """Test files in which `text` is imported or is a whole text, those that ask aside."""
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        said = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                said |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                said |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if path.name not in _ASKING and {text, f"{text}.npz"} & said:
            found.append(path.name)
    return found
