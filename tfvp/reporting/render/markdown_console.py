"""Writes tables as Markdown, for the console, and as lines with tabs for other programs."""

from collections.abc import Sequence

from rich import box
from rich import table as rich_table
from rich.text import Text

from tfvp.reporting.tables.table import Row, Table

_STYLES = {"published": "", "ours": "bold green", "baseline": "cyan"}


def markdown(table: Table) -> str:
    """Write GitHub's Markdown: our rows and headings are bold, footnotes follow as a list."""
    lines = [_line(table.columns), _line(["---"] * len(table.columns))]
    for section in table.sections:
        if section.title:
            blanks = [""] * (len(table.columns) - 1)
            lines.append(_line([f"**{escaped(section.title)}**", *blanks], escape=False))
        lines += [_markdown_row(row) for row in section.rows]
    footnotes = [f"- {s} {escaped(text)}".replace("-  ", "- ") for s, text in table.footnotes]
    return "\n".join([*lines, "", *footnotes]) + "\n"


def console(table: Table) -> rich_table.Table:
    """Make a table for rich's console; texts are taken literally, never as rich's markup."""
    footnotes = "\n".join(f"{sign} {text}".strip() for sign, text in table.footnotes)
    drawn = rich_table.Table(
        title=Text(table.title),
        caption=Text(footnotes),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for column in table.columns:
        # A number and its sign stay on one line; every other cell may be folded.
        drawn.add_column(Text(column), overflow="fold", no_wrap="↑" in column or "↓" in column)
    for section in table.sections:
        if section.title:
            drawn.add_row(Text(section.title, style="italic"))
        for row in section.rows:
            drawn.add_row(*(Text(text) for text in row.texts), style=_STYLES[row.kind])
        drawn.add_section()
    return drawn


def tabbed(table: Table) -> str:
    """Write a line for each row with tabs between the cells; the columns' titles come first."""
    rows = [row.texts for section in table.sections for row in section.rows]
    return "\n".join(
        "\t".join(" ".join(c.split()) for c in cells) for cells in (table.columns, *rows)
    )


def _markdown_row(row: Row) -> str:
    cells = [escaped(text) for text in row.texts]
    if row.kind == "ours":
        cells[0] = f"**{cells[0]}**"
    return _line(cells, escape=False)


def _line(cells: Sequence[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(escaped(cell) if escape else cell for cell in cells) + " |"


def escaped(text: str) -> str:
    """Escape a text so that Markdown shows it literally: it begins no cell, tag or emphasis."""
    for character in "\\|<*`":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
