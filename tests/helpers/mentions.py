"""Which test files mention something."""

import ast
import functools

from tests import ROOT

# They look for mentions themselves.
_ASKING = {"test_architecture.py", "test_coverage.py"}


@functools.cache
def _said() -> dict[str, set[str]]:
    """What every test file imports and its whole texts, by its path; those that ask aside."""
    found = {}
    for path in (ROOT / "tests").rglob("*.py"):
        said = found[str(path)] = set()
        for node in [] if path.name in _ASKING else ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
            elif isinstance(node, ast.Import):
                said |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                said |= {f"{node.module}.{alias.name}" for alias in node.names}
                said.add(str(node.module))
    return found


def mentions_in_tests(text: str) -> list[str]:
    """Test files in which `text` is imported or is a whole text, those that ask aside."""
    return [path for path, said in _said().items() if {text, f"{text}.npz"} & said]
