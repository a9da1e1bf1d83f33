"""What is written down works: configs load, commands parse, examples in docstrings hold."""

import ast
import doctest
import importlib
import inspect
import itertools
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from tests.test_architecture import ORDER
from tfvp.config.loading import load_config
from tfvp.config.yaml import read_mapping
from tfvp.models.registry import MODELS, info

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
PAGES = [
    *("README.md", "CONTRIBUTING.md"),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
]
BY_NAME = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


def commands(text: str) -> list[list[str]]:
    """The words of every `python run.py …` and `tfvp …` that stands on a line of its own."""
    return [words for part in lines_of(text) if (words := ours(part))]


def lines_of(text: str) -> list[str]:
    """Every command of a text, one a line or joined by `&&`."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = (line.strip(" #$>").removeprefix("Command:") for line in joined.splitlines())
    return [part.strip() for line in lines for part in line.split("&&") if part.strip()]


def ours(part: str) -> list[str]:
    """The words of a `python run.py …` or `tfvp …`, without what starts it or sets variables."""
    part = re.sub(r"^(srun( --\S+)+ +|([A-Z_]+=\S* +)+)", "", part)
    return shlex.split(part, comments=True) if _is_command(part) else []


def code(page: str) -> str:
    """The code of a page: indented by four, between fences, or last in a row of a table."""
    indented = re.findall(r"^    .*$", page, flags=re.MULTILINE)
    in_rows = re.findall(r"^\| \[.* `([^`]+)` \|$", page, flags=re.MULTILINE)
    return "\n".join([*fenced(page), *indented, *in_rows])


def fenced(page: str, language: str = r"\w*") -> list[str]:
    """The blocks between fences of a Markdown page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


def _is_command(line: str) -> bool:
    return bool(re.match(r"(python3? run\.py|tfvp)( +[-a-z]|$)", line)) and "…" not in line


def parsed(words: list[str]):
    """What the command line makes of a command; fails the test where it refuses."""
    from tfvp.cli.main import build_parser

    arguments = words[1:] if words[0] == "tfvp" else ["run", *words[2:]]
    try:
        return build_parser().parse_args(arguments)
    except SystemExit as end:
        if end.code == 0:  # --help and --version end the program too
            return None
    raise AssertionError(f"{shlex.join(words)}: not understood")


@BY_NAME
def test_every_config_loads_with_every_preset(path):
    presets = {"quick": None} | read_mapping(path).get("presets", {})
    for preset in (None, *presets):
        experiment = load_config(path, preset=preset)
        assert experiment.title != path.stem, "a row needs a title of its own"
        assert experiment.preset == preset


@BY_NAME
def test_every_config_opens_with_its_source_command_cost_and_number(path):
    lines = path.read_text("utf-8").splitlines()
    head = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), lines))
    said = re.findall(r"^# (Source|Command|Cost|Expected|Ours): +\S", head, flags=re.MULTILINE)
    assert said == ["Source", "Command", "Cost", "Expected", "Ours"]
    own = [words for words in commands(head) if path.name in words]
    assert own, f"no command runs {path.name}"
    for words in own:
        parsed(words)


def test_titles_are_rows_of_their_own():
    experiments = [load_config(path) for path in CONFIGS]
    titles = [(each.data.dataset, each.title) for each in experiments]
    assert len(set(titles)) == len(titles)


def test_a_quick_run_says_so_on_every_table():
    for path in CONFIGS:
        assert "quick run" in load_config(path, preset="quick").label, path.name


def test_published_rows_name_configs_that_exist():
    """The thesis's and Dittrich's have the titles of theirs; others give networks other names."""
    for table in read_mapping(ROOT / "results" / "published.yaml")["tables"]:
        named = table["id"].startswith(("4.", "dittrich_"))
        for row in (row for part in table["sections"] for row in part["rows"]):
            for config in [*([row["ours"]] if "ours" in row else []), *row.get("pair", [])]:
                path, preset = ROOT / "configs" / f"{config}.yaml", row.get("preset")
                title = load_config(path, preset=preset).title
                assert title == row["model"] or not (named or preset) or "cited" in row


NO_NETWORK = {"MIM", "MAU", "PhyDNet", "CrevNet", "DMVFN"}
OPENSTLS_SIZE = {"ConvLSTM-L", "PredNet", "PredRNN++", "E3D-LSTM"}
WITHOUT_OURS = {  # table -> rows that no configuration of ours makes
    "openstl_mnist": NO_NETWORK | OPENSTLS_SIZE,
    "openstl_kth": NO_NETWORK - {"CrevNet"} | OPENSTLS_SIZE - {"ConvLSTM-L"} | {"ConvLSTM-S"},
    # Its dataset is not among ours, so that only networks with presets for KITTI are named.
    "openstl_kitti": NO_NETWORK - {"CrevNet"}
    | OPENSTLS_SIZE - {"ConvLSTM-L"}
    | {"ConvLSTM-S", "PredRNN", "PredRNNv2"},
}


def test_every_published_row_whose_network_is_here_names_its_config():
    for table in read_mapping(ROOT / "results" / "published.yaml")["tables"]:
        rows = [row for part in table["sections"] for row in part["rows"]]
        without = {row["model"] for row in rows if "ours" not in row and "pair" not in row}
        assert without == WITHOUT_OURS.get(table["id"], set()), table["id"]


HOUSE_WORDS = re.compile(
    "glyph|half a circle|squares folded|looks through|measuring one |own loss|truth probability"
    "|taps of|muster|rehears"
)


def test_messages_use_the_fields_words():
    """Texts for users have patches, flipped kernels, auxiliary losses and peepholes."""
    for path in sorted((ROOT / "tfvp").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        said = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        docs = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        }
        texts = [text for text in said if isinstance(text, str) and " " in text]
        assert not [text for text in texts if HOUSE_WORDS.search(text) and text not in docs], path


def test_networks_page_names_every_config_and_list_models_every_network():
    page = (ROOT / "docs" / "networks" / "index.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", "\n".join(rows))) == {path.stem for path in CONFIGS}
    experiments = {path.stem: load_config(path) for path in CONFIGS}
    assert {each.model.network for each in experiments.values()} == set(MODELS)
    for name in MODELS:
        assert experiments[info(name).config].model.network == name


def test_readme_is_short_and_links_to_a_configuration_of_every_network():
    page = (ROOT / "README.md").read_text("utf-8")
    assert len(page.split()) <= 900
    linked = re.findall(r"\]\(configs/(\w+)\.yaml\)", page)
    assert sorted(load_config(name).model.network for name in linked) == sorted(MODELS)
    assert "pip install -e . && python run.py --config e3d_residual.yaml --preset quick" in page
    assert 'pip install -e ".[test]" && pytest' in page


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_a_page_parse(page):
    found = commands(code((ROOT / page).read_text("utf-8")))
    assert found or page not in ("README.md", "docs/index.md"), f"{page} shows no command"
    for words in found:
        arguments = parsed(words)
        config = getattr(arguments, "config", None)
        if config is not None:
            load_config(config, preset=arguments.preset, overrides=arguments.overrides)


# Commands of other programs, and scripts of ours outside of the package.
OTHERS = re.compile(
    r"(pip install|pytest|tensorboard|mlflow|make|export [A-Z_]+=|\.ci/run)( |$|'|\{)?"
)


@pytest.mark.parametrize("page", PAGES)
def test_every_line_of_a_shell_block_is_a_command_that_is_known(page):
    for line in lines_of("\n".join(fenced((ROOT / page).read_text("utf-8"), "bash"))):
        script = re.match(r"python ([\w/]+\.py)|python -m (tests[\w.]+)", line)
        if script:
            name = script[1] or script[2].replace(".", "/") + ".py"
            assert (ROOT / name).is_file(), line
        assert script or ours(line) or OTHERS.match(line), f"{page}: {line}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text("utf-8")
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    named = re.findall(r"`((?:tfvp|configs|tests|docs)/[\w./-]+\.\w+)`", text)
    missing = [name for name in {*linked, *named} if not (ROOT / name).exists()]
    assert not [
        name for name in missing if not re.search(r"/x\.\w+$", name)
    ]  # x: yet to be written


@pytest.mark.parametrize(
    "path", [*CONFIGS, *sorted(ROOT.glob("docs/**/*.md"))], ids=lambda path: path.stem
)
def test_files_of_the_package_that_a_header_or_a_page_names_exist(path):
    named = set(re.findall(r"\b(?:tfvp|tests|benchmarks)/[\w/]+\.\w+", path.read_text("utf-8")))
    assert not [name for name in named if "/x" not in name and not (ROOT / name).exists()]


def test_the_map_of_the_house_is_the_package():
    """Its lines are the folders in their order, each with its docstring's first sentence."""
    page = (ROOT / "docs" / "house.md").read_text("utf-8")
    found = re.findall(r"^(tfvp/\w+)(?:/|\.py) +(\S.*)$", page, flags=re.MULTILINE)
    wanted = []
    for name in (each for each in ORDER if not each.startswith("__")):
        file = ROOT / "tfvp" / name / "__init__.py"
        file = file if file.is_file() else ROOT / "tfvp" / f"{name}.py"
        said = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        wanted.append((f"tfvp/{name}", said.splitlines()[0]))
    assert found == wanted


def _with_examples() -> list[str]:
    found = []
    for path in sorted((ROOT / "tfvp").rglob("*.py")):
        if ">>>" in path.read_text("utf-8"):
            found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


@pytest.mark.slow
def test_examples_in_docstrings_hold():
    for name in _with_examples():
        assert doctest.testmod(importlib.import_module(name)).failed == 0, name


def _for_users() -> dict[str, str]:
    """The docstrings of the public layers and functions of layers and cells, and of networks."""
    import keras

    from tfvp.models.registry import MODELS

    shared = [path for each in ("layers", "cells") for path in (ROOT / "tfvp" / each).glob("*.py")]
    names = [f"tfvp.{path.parent.name}.{path.stem}" for path in shared]
    networks = [f"{package}.network" for package in MODELS.values()]
    found = {}
    for name in (*names, *networks):
        for each in vars(importlib.import_module(name)).values():
            layer = inspect.isclass(each) and issubclass(each, keras.layers.Layer)
            function = inspect.isfunction(each) and name not in networks
            if (layer or function) and each.__module__ == name and each.__name__[0] != "_":
                found[f"{name}.{each.__name__}"] = each.__doc__ or ""
    return found


def test_layers_cells_and_networks_have_an_example():
    assert not [name for name, text in _for_users().items() if ">>>" not in text]


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
