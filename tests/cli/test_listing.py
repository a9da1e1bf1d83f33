"""`tfvp list configs`, `tfvp config --explain`, and the options that commands offer."""

import argparse
import ast
from pathlib import Path

import pytest

from tests import ROOT
from tfvp.cli.main import build_parser, main
from tfvp.config.extends import config_names, find_config, preset_names
from tfvp.config.loading import explain
from tfvp.data.user_videos.convert import OPTIONS

EVERY = [(name, p) for name in config_names() for p in (None, *preset_names(find_config(name)))]


def test_configs_are_listed_with_their_presets_in_a_line_each(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "broken.yaml").write_text("title: B\nstepz: 3\n")
    assert main(["list", "configs"]) == 0
    lines = {
        words.strip(): said
        for words, _, said in (
            line.partition("  ") for line in capsys.readouterr().out.splitlines()
        )
    }
    assert lines.pop("broken").strip().startswith("broken.yaml: stepz: unknown")
    assert not [said for said in lines.values() if ".yaml" in said]  # of a preset that is refused
    assert set(lines) == {f"{name} --preset {p}" if p else name for name, p in EVERY}
    assert lines["e3d"].strip() == ("E3D-LSTM Baseline; eidetic_stack; moving_mnist 64×64×1, 10→10")
    assert "32×32×1, 5→5" in lines["e3d --preset quick"]


@pytest.mark.slow
def test_every_key_of_every_config_has_a_meaning():
    without = {
        setting.key
        for name, preset in EVERY
        for setting in explain(name, preset=preset)
        if not setting.meaning
    }
    assert without == set()


def test_explain_prints_meanings_and_breaks_no_word(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["config", "--config", "e3d_residual", "--explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (place,) = [i for i, line in enumerate(lines) if line.startswith("training.steps ")]
    assert lines[place].split() == ["training.steps", "80000", "e3d.yaml"]
    assert lines[place + 1] == "    updates of the weights"
    meanings = [line for line in lines if line.startswith("    ")]
    assert max(map(len, meanings)) <= 80
    words = {w for s in explain("e3d_residual") for w in s.meaning.split()}
    assert words <= {word for line in meanings for word in line.split()}
    assert "None" not in " ".join(lines)


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of every command and action, by its words."""
    found: dict[str, argparse.ArgumentParser] = {}

    def visit(words: str, parser: argparse.ArgumentParser) -> None:
        inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        for action in inner:
            for name, below in action.choices.items():
                visit(f"{words} {name}".strip(), below)
        if not inner:
            found[words] = parser

    visit("", build_parser())
    return found


def read_in(path: Path) -> set[str]:
    """The attributes of `arguments` that a file of the command line reads."""
    nodes = ast.walk(ast.parse(path.read_text()))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    return {
        n.attr for n in attributes if isinstance(n.value, ast.Name) and n.value.id == "arguments"
    }


@pytest.mark.parametrize("words", parsers())
def test_every_option_is_read_by_its_command(words):
    parser = parsers()[words]
    module = Path(parser.get_default("command").__code__.co_filename)
    read = read_in(module) | (set(OPTIONS) if words == "data convert" else set())
    if "experiment_of" in module.read_text():
        read |= read_in(ROOT / "tfvp" / "cli" / "options.py")
    for action in parser._actions:
        assert action.dest in {*read, "help"}, f"tfvp {words}: nothing reads {action.dest}"


def test_commands_without_a_run_folder_offer_no_name():
    offered = {
        words
        for words, parser in parsers().items()
        if any("--name" in action.option_strings for action in parser._actions)
    }
    assert offered == {"run", "tune", "config"}
