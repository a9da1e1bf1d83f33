"""The page of the command line, from the parser that the `tfvp` command has."""

import argparse
from collections.abc import Iterator

from docstrings import escaped

from tfvp.cli.main import build_parser


def chapters() -> str:
    """Return a chapter for each command, with its usage and a table of its options."""
    return "\n".join(_chapters(build_parser(), 2))


def _chapters(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not inner:
        yield from _options(parser)
    for action in inner:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            yield f"\n{'#' * level} {command.prog}\n\n{_sentence(helps.get(name, ''))}\n"
            yield from _chapters(command, level + 1)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    usage = parser.format_usage().removeprefix("usage: ").strip()
    yield f"```text\n{usage}\n```\n"
    yield "| option | meaning |\n| --- | --- |"
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction):
            yield f"| {_name(action)} | {escaped(_meaning(action, parser))} |"


def _name(action: argparse.Action) -> str:
    value = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
    taken = (
        f" {' '.join(value) if isinstance(value, tuple) else value}" if action.nargs != 0 else ""
    )
    names = [name + taken for name in action.option_strings] or [str(value)]
    return ", ".join(f"`{name}`".replace("|", "\\|") for name in names)


def _meaning(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    said = (action.help or "") % {**vars(action), "prog": parser.prog}
    return f"{said} (required)" if action.required and action.option_strings else said


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""
