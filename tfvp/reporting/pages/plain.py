"""Writes a page of texts, tables and pictures: that of claims, or of a search for settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from tfvp.reporting.figures.figures import Picture
from tfvp.reporting.pages.html import asset, environment
from tfvp.reporting.tables.table import Table
from tfvp.system.files import write_text


@dataclass(frozen=True)
class Part:
    """A section of the page; its texts come first, then its tables and its pictures."""

    title: str
    texts: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()


def write_plain(
    path: Path, title: str, opening: Sequence[str], parts: Sequence[Part], *, generator: str
) -> Path:
    """Write a page that is one file and needs no network; an old page is replaced at once.

    Args:
        path: the HTML file.
        title: of the page.
        opening: paragraphs below the title.
        parts: the sections, in order.
        generator: the command that made the page.
    """
    text = (
        environment()
        .get_template("plain.html")
        .render(
            title=title,
            generator=generator,
            style=Markup(asset("page.css")),
            script=Markup(asset("page.js")),
            opening=opening,
            parts=parts,
        )
    )
    write_text(path, text)
    return path
