"""The house's rules: who may import whom, how big things get, who may know what."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.mentions import mentions_in_tests
from tfvp.config.loading import load_config
from tfvp.data.registry import DATASETS
from tfvp.models.registry import MODELS

PACKAGE = ROOT / "tfvp"

# A file imports only from its own folder and from those before it, and never in a circle.
ORDER = [
    *(
        "errors",
        "shapes",
        "sections",
        "choices",
        "system",
        "backend",
        "layers",
        "cells",
        "porting",
        "models",
    ),
    *("drawing", "data", "config", "runs", "evaluation", "presets", "training", "inference"),
    *("export", "reporting", "profiling", "experiment", "tuning", "cli", "__init__", "__main__"),
]
FILE_LINES, FUNCTION_LINES, LEAST_LINES = 250, 40, 20

BACKENDS = {"tensorflow", "jax", "torch"}
# These run on every backend of Keras; one of them has a step as the graph's own function, one the
# scan of JAX.
ANY_BACKEND = ("tfvp.layers", "tfvp.cells", "tfvp.models", "tfvp.training.losses")
MAY_BRANCH = {"tfvp.models.graph_step", "tfvp.models.scanned"}
# These start without Keras, and may stay that way.
WITHOUT_KERAS = (
    "tfvp.reporting",
    "tfvp.config",
    "tfvp.sections",
    "tfvp.choices",
    "tfvp.data",
    "tfvp.runs",
    "tfvp.presets",
)


@dataclass(frozen=True)
class Import:
    """One imported module, and when it is imported."""

    module: str
    line: int
    inside_function: bool
    for_types_only: bool


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def where(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def folder(self) -> str:
        """The name in ORDER that this file stands under."""
        return self.path.relative_to(PACKAGE).with_suffix("").parts[0]


def _name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules() -> dict[str, Module]:
    return {
        _name_of(path): Module(_name_of(path), path, ast.parse(path.read_text("utf-8")))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(module: Module) -> Iterator[Import]:
    """Every import of a file, functions and type-checking blocks included."""

    def visit(node: ast.AST, inside: bool, types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, inside, types)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module.where}:{child.lineno}: write imports in full"
                for alias in child.names:
                    if (child.module, alias.name) == ("tfvp", "__version__"):
                        continue  # a fact about the package, not a part of it
                    deeper = f"{child.module}.{alias.name}"
                    name = deeper if deeper in modules() else str(child.module)
                    yield Import(name, child.lineno, inside, types)
            else:
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from visit(child, inside or function, types or typing)

    yield from visit(module.tree, False, False)


def ours(name: str) -> bool:
    return name.split(".")[0] == "tfvp"


EVERY = pytest.mark.parametrize("module", modules().values(), ids=lambda module: module.name)


@EVERY
def test_imports_run_one_way(module):
    assert module.folder in ORDER, f"{module.where}: give {module.folder} its place in ORDER"
    for each in imports(module):
        if ours(each.module):
            assert each.module in modules(), f"{module.where}:{each.line}: no {each.module}"
            folder = modules()[each.module].folder
            fits = ORDER.index(folder) <= ORDER.index(module.folder)
            assert fits, f"{module.where}:{each.line}: {module.folder} may not import {folder}"


def test_no_module_imports_itself_in_a_circle():
    graph = {
        name: {i.module for i in imports(module) if ours(i.module) and not i.for_types_only}
        for name, module in modules().items()
    }
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                walk(other, [*path, name])
            done.add(name)

    for name in graph:
        walk(name, [])


@EVERY
def test_sizes(module):
    lines = len(module.path.read_text("utf-8").splitlines())
    assert lines <= FILE_LINES, f"{module.where}: {lines} lines"
    small = lines < LEAST_LINES and module.path.stem not in ("__init__", "__main__", "config")
    assert not small, f"{module.where}: {lines} lines alone are no subject; let them join theirs"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{module.where}: {node.name}: {length} lines"


@EVERY
def test_opens_with_one_plain_sentence_and_is_no_drawer(module):
    said = ast.get_docstring(module.tree)
    assert said, f"{module.where}: no docstring"
    first = said.splitlines()[0]
    assert first.endswith("."), f"{module.where}: {first!r} is not a sentence on one line"
    assert module.path.stem not in {"utils", "util", "helpers", "misc", "common"}, module.where


def test_tests_stand_in_the_folders_of_the_package():
    others = {"contracts", "helpers", "oracles", "goldens", "benchmarks"}
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        known = folder.parts[:1] in [(other,) for other in others]
        assert known or (PACKAGE / folder).is_dir(), f"{path}: tfvp has no folder {folder}"


# --- which backend a file needs ---


def imported_with(start: str) -> dict[str, list[str]]:
    """Every module that is loaded with `start`, each with the chain of imports that leads to it."""
    found: dict[str, list[str]] = {}
    waiting = [(start, [start])]
    while waiting:
        name, chain = waiting.pop()
        parents = [name.rsplit(".", cut)[0] for cut in range(name.count(".") + 1)]
        for loaded in parents:  # importing a.b.c loads a and a.b too
            if loaded in found:
                continue
            found[loaded] = chain if loaded == name else [*chain, loaded]
            if loaded in modules():
                for each in imports(modules()[loaded]):
                    if not each.inside_function and not each.for_types_only:
                        waiting.append((each.module, [*found[loaded], each.module]))
    return found


def _standing_under(prefixes: tuple[str, ...]) -> list[str]:
    return [n for n in modules() if any(n == p or n.startswith(f"{p}.") for p in prefixes)]


@pytest.mark.parametrize("name", _standing_under(ANY_BACKEND))
def test_runs_on_every_backend(name):
    for each in imports(modules()[name]):
        top = each.module.split(".")[0]
        allowed = top not in BACKENDS or (name in MAY_BRANCH and each.inside_function)
        assert allowed, f"{modules()[name].where}:{each.line}: imports {top}, not keras.ops alone"
    for loaded, chain in imported_with(name).items():
        assert loaded.split(".")[0] not in BACKENDS, f"importing {' -> '.join(chain)}"


def test_the_backend_is_chosen_in_one_place():
    """Other files ask the module `tfvp.backend.backend`, not Keras, what they run on."""
    may_ask = {"tfvp.backend", *MAY_BRANCH}
    for module in modules().values():
        for node in ast.walk(module.tree):
            imported = isinstance(node, ast.ImportFrom) and node.module == "keras.backend"
            asked = isinstance(node, ast.Attribute) and ast.unparse(node) == "keras.backend.backend"
            fits = module.name in may_ask or not (imported or asked)
            assert fits, f"{module.where}:{node.lineno}: asks Keras for its backend"


@pytest.mark.parametrize("name", _standing_under(WITHOUT_KERAS))
def test_starts_without_keras(name):
    for loaded, chain in imported_with(name).items():
        assert loaded.split(".")[0] not in {*BACKENDS, "keras"}, f"importing {' -> '.join(chain)}"


def test_a_configuration_is_read_without_keras():
    program = (
        "import sys; from tfvp import load_config; load_config('e3d_residual'); "
        "print(sorted({'keras', 'tensorflow', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


# --- what is chosen by a name owns a folder ---


@functools.cache
def _strings(name: str) -> set[str]:
    return {
        node.value
        for node in ast.walk(modules()[name].tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _outside(name: str, registry: str, package: str) -> list[str]:
    """Files that say `name`, but for the registry's and those of its own folder."""
    files = [m for m in modules().values() if m.name != registry]
    files = [m for m in files if not f"{m.name}.".startswith(f"{package}.")]
    return [m.where for m in files if name in _strings(m.name)]


@pytest.mark.parametrize("name", MODELS)
def test_nothing_but_its_folder_and_one_line_names_a_network(name):
    folder = PACKAGE.joinpath(*MODELS[name].split(".")[1:])
    assert {"__init__", "config", "network"} <= {path.stem for path in folder.glob("*.py")}
    found = _outside(name, "tfvp.models.registry", MODELS[name])
    # a cell or a title of a table may share the name
    assert not [f for f in found if not f.startswith(("tfvp/cells/", "tfvp/reporting/"))], found


@pytest.mark.parametrize("name", sorted({*DATASETS} - {"clips"}))  # a word of every day
def test_nothing_but_its_folder_and_one_line_names_a_dataset(name):
    folder = PACKAGE.joinpath(*DATASETS[name].split(".")[1:])
    assert {"__init__", "config", "dataset"} <= {path.stem for path in folder.glob("*.py")}
    assert not _outside(name, "tfvp.data.registry", DATASETS[name])


@pytest.mark.parametrize("name", MODELS)
def test_every_network_has_its_reference_configuration_and_a_test(name):
    from tfvp.models.registry import info

    assert load_config(info(name).config).model.network == name
    assert mentions_in_tests(f"{MODELS[name]}.network"), f"no test imports {MODELS[name]}"
