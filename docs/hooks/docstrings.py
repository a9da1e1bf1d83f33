"""Docstrings as Markdown: indented equations and examples become code, arguments a list."""

import inspect
import re

from tfvp.reporting.render.markdown_console import escaped as escaped_for_github

ARGUMENT = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", re.MULTILINE)
EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)
EQUATIONS = re.compile(r"(?:^|(?<=\n\n))((?: {4}.*\n|\n(?= {4}))+)", re.MULTILINE)


def escaped(text: str) -> str:
    """Escape a text so that the site's Markdown shows it literally, also in a table."""
    return escaped_for_github(text).replace("\\<", "&lt;")


def markdown_of(each: type) -> str:
    """Return a class's docstring as a chapter: text, equations, example, arguments."""
    text = inspect.getdoc(each) or ""
    text, _, rest = text.partition("\nArgs:\n")
    arguments = ARGUMENT.findall(rest.partition("\nRaises:")[0].partition("\nReturns:")[0])
    text = EQUATIONS.sub(lambda found: _code(found[0]), text + "\n")
    text = EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
    listed = [f"- `{name}`: {' '.join(said.split())}" for name, said in arguments]
    head = f"### {escaped(each.__name__)}\n\n`{each.__module__}`\n"
    return "\n".join([head, text, *listed, ""])


def _code(block: str) -> str:
    lines = block.strip("\n").split("\n")
    return "```text\n" + "\n".join(line.removeprefix("    ") for line in lines) + "\n```\n"
