"""The pages of the Python API: the front door, and one page for each folder of the package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import tfvp

PACKAGE = Path(tfvp.__file__).parent
# What is meant for programs of others; the rest are the insides of these and of the commands.
FOLDERS = (
    "cells",
    "layers",
    "models",
    "data",
    "config",
    "training",
    "evaluation",
    "inference",
    "presets",
)


def uris() -> list[str]:
    """Return the pages in the order of the navigation."""
    return [f"reference/api/{folder}.md" for folder in FOLDERS]


def front_door() -> str:
    """Return what `import tfvp` offers."""
    names = [name for name in tfvp.__all__ if not name.startswith("_")]
    return "\n".join(f"::: {tfvp._HOMES[name]}.{name}\n" for name in names)


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page's place and text."""
    for folder, uri in zip(FOLDERS, uris(), strict=True):
        yield uri, _folder(folder)


def _folder(folder: str) -> str:
    said = (ast.get_docstring(ast.parse(_text(PACKAGE / folder / "__init__.py"))) or "").strip()
    parts = [f"# tfvp.{folder}\n", said.partition("\n\n")[0] + "\n"]
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        module = ".".join(("tfvp", *path.relative_to(PACKAGE).with_suffix("").parts))
        network = folder == "models" and len(path.relative_to(PACKAGE).parts) > 2
        if path.name != "__init__.py" and not network and _is_public(path):
            parts.append(
                f"## {module}\n\n::: {module}\n    options: {{show_root_heading: false}}\n"
            )
    return "\n".join(parts)


def _is_public(path: Path) -> bool:
    """Return whether a module has a class or a function for others."""
    return any(
        isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        for node in ast.parse(_text(path)).body
    )


def _text(path: Path) -> str:
    return path.read_text("utf-8")
