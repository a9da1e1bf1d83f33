"""The pages of the site that are made from the package itself when the site is built."""

import re
from collections.abc import Iterator
from pathlib import Path

import api
import command_line
import configuration
import goldens
import networks
import networks_numbers
import notebook
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

MADE = re.compile(r"<!-- made when the site is built: (.*) -->")
MAKERS = {
    "commands": command_line.chapters,
    "keys": configuration.chapters,
    "goldens": goldens.table,
    "networks": networks.table,
    "measured": lambda: networks_numbers.measured(networks_numbers.kept_runs()),
    "front door": api.front_door,
}
DOCS = Path(__file__).resolve().parent.parent


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add what the navigation cannot list by hand: networks, folders, guides that are there."""
    chapters = {title: pages for entry in config.nav or [] for title, pages in entry.items()}
    listed = {page for entry in chapters["Guides"] for page in _paths(entry)}
    for path in sorted((DOCS / "guides").glob("*.md")):
        if f"guides/{path.name}" not in listed:
            chapters["Guides"].append(f"guides/{path.name}")
    chapters["Networks"] += networks.uris()
    chapters["Python API"] += api.uris()
    return config


def _paths(entry: str | dict[str, str]) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and pictures to the files of the site."""
    for uri, content in _generated():
        made = File.generated(config, uri, content=content)
        files.append(made)
    return files


def _generated() -> Iterator[tuple[str, str | bytes]]:
    yield "quickstart.md", notebook.page(DOCS / "quickstart.ipynb")
    yield from api.pages()
    yield from networks.pages()


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put what is made into the pages that say where."""
    del page, config, files
    return re.sub(MADE, lambda found: MAKERS[found[1]](), markdown)
