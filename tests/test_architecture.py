"""The house's rules: who may import whom, how big things get, what every cell must come with."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tfvp.config.loading import load_config

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tfvp"

# A file imports only from what stands before it; inside a package freely, but never in a circle.
ORDER = [
    *("shapes", "errors", "notices", "interruption", "progress"),
    *(
        "config",
        "yaml_files",
        "config_errors",
        "config_chain",
        "config_files",
        "runs",
        "provenance",
    ),
    *("data", "layers", "cells", "networks", "training", "evaluation", "porting", "reporting"),
    *(
        "export",
        "runtimes",
        "model_card",
        "predict",
        "profiling",
        "step_parts",
        "job",
        "evaluate_run",
        "predict_clip",
        "clip_files",
        "train_stage",
        "train_together",
        "stages",
        "inspect_data",
        "cli_options",
        "cli_data",
        "evaluate_command",
        "predict_command",
        "export_command",
        "import_command",
        "list_command",
        "profile_command",
        "compare_command",
        "report_command",
        "cli",
        "__main__",
        "__init__",
    ),
]

FILE_LINES, FUNCTION_LINES = 250, 40
# The one file that is read as a list of every key there is.
LONG_FILES = {"tfvp/config.py"}

# These run on every backend of Keras.
ANY_BACKEND = ("tfvp.layers", "tfvp.cells", "tfvp.networks", "tfvp.training.losses")
BACKENDS = {"tensorflow", "jax", "torch"}
# The one loop over time may use the backend's own loop, inside the function that does.
MAY_BRANCH = {"tfvp.models.rollout"}

# cell -> numbers of the original program (files in tests/goldens/) that a test compares it with
GOLDENS = {
    "eidetic_lstm": ["e3d_lstm", "e3d_residual", "e2d_lstm", "e3d_lstm_memory_carried"],
    "st_lstm": ["predrnn", "predrnn_layer_norm"],
    "causal_lstm": ["predrnn_pp", "predrnn_pp_no_norm"],
    "ghu": ["predrnn_pp", "predrnn_pp_no_norm"],
    "prednet": ["prednet"],
    "conv_lstm": ["conv_lstm_skip"],
}
# cell -> why there are no numbers of an original program
NO_GOLDEN: dict[str, str] = {
    "fc_lstm": "the program of Srivastava et al. 2015 needs Python 2 and its own GPU library",
}
# unit that a network always holds beside its cells -> that network
PARTS = {"ghu": "predrnn_pp"}


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
    def unit(self) -> str:
        """The name in ORDER that this file stands under."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return parts[0]


def _name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules() -> dict[str, Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {
        _name_of(path): Module(_name_of(path), path, ast.parse(path.read_text("utf-8")))
        for path in files
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
    assert module.unit in ORDER, f"{module.where}: give {module.unit} its place in ORDER"
    for each in imports(module):
        if ours(each.module):
            assert each.module in modules(), f"{module.where}:{each.line}: no {each.module}"
            unit = modules()[each.module].unit
            fits = unit == module.unit or ORDER.index(unit) < ORDER.index(module.unit)
            assert fits, f"{module.where}:{each.line}: {module.unit} may not import {unit}"


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
    assert lines <= FILE_LINES or module.where in LONG_FILES, f"{module.where}: {lines} lines"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{module.where}: {node.name}: {length} lines"


def test_files_that_may_be_long_are():
    for name in LONG_FILES:
        assert len((ROOT / name).read_text("utf-8").splitlines()) > FILE_LINES, f"{name} is not"


@EVERY
def test_opens_with_one_plain_sentence(module):
    said = ast.get_docstring(module.tree)
    assert said, f"{module.where}: no docstring"
    first = said.splitlines()[0]
    assert first.endswith("."), f"{module.where}: {first!r} is not a sentence on one line"


@EVERY
def test_no_drawer_for_everything(module):
    assert module.path.stem not in {"utils", "util", "helpers", "misc", "common"}, module.where


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


@pytest.mark.parametrize("name", _standing_under(("tfvp.reporting",)))
def test_reporting_reads_run_folders_only(name):
    heavy = BACKENDS | {"keras"}
    for each in imports(modules()[name]):
        assert each.module.split(".")[0] not in heavy, f"{modules()[name].where}:{each.line}"
    for loaded, chain in imported_with(name).items():
        assert loaded.split(".")[0] not in heavy, f"importing {' -> '.join(chain)}"


# --- what every cell comes with ---


def cells() -> dict[str, str]:
    """`kind` -> class name, read from the literal dict CELLS."""
    for node in modules()["tfvp.cells"].tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if [ast.unparse(target) for target in targets] == ["CELLS"]:
                pairs = zip(node.value.keys, node.value.values, strict=True)
                return {ast.literal_eval(k): ast.unparse(v) for k, v in pairs if k is not None}
    raise AssertionError("tfvp/cells/__init__.py: CELLS should be a literal dict")


def test_every_cell_file_is_in_cells_under_its_name():
    files = {path.stem for path in (PACKAGE / "cells").glob("*.py")} - {"__init__"}
    assert files == set(cells())


@pytest.mark.parametrize("kind", cells())
def test_every_cell_has_an_oracle_that_a_test_reads(kind):
    assert (ROOT / "tests" / "oracles" / f"{kind}.py").is_file()
    assert _tests_that_say(f"tests.oracles.{kind}"), f"no test imports oracles.{kind}"


@pytest.mark.parametrize("kind", cells())
def test_every_cell_has_goldens_or_a_reason(kind):
    assert (kind in GOLDENS) != (kind in NO_GOLDEN), f"{kind}: one of GOLDENS and NO_GOLDEN"
    for golden in GOLDENS.get(kind, []):
        assert (ROOT / "tests" / "goldens" / f"{golden}.npz").is_file(), golden
        assert _tests_that_say(golden), f"no test compares with {golden}"


def test_no_exemption_is_stale():
    assert set(GOLDENS) | set(NO_GOLDEN) <= set(cells())
    for kind, reason in NO_GOLDEN.items():
        assert reason, kind
        made = [p.stem for p in (ROOT / "tests" / "goldens").glob("*.npz") if kind in p.stem]
        assert not made, f"{kind} has numbers now: {made}"


@pytest.mark.parametrize("kind", cells())
def test_every_cell_has_a_config_that_uses_it(kind):
    models = [load_config(path).model for path in (ROOT / "configs").glob("*.yaml")]
    used = {model.cell.kind for model in models if hasattr(model, "cell")}
    networks = {model.network for model in models}
    used |= {part for part, network in PARTS.items() if network in networks}
    assert kind in used


def _tests_that_say(text: str) -> list[str]:
    """Test files in which `text` is imported or is a whole text, this file aside."""
    found = []
    for path in (ROOT / "tests").glob("test_*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        said = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                said |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                said |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if path != Path(__file__) and {text, f"{text}.npz"} & said:
            found.append(path.name)
    return found
