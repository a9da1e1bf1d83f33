"""Writes a table as Markdown, for the console, or for other programs."""

from collections.abc import Sequence

from rich import box
from rich import table as rich_table
from rich.text import Text

from tfvp.reporting.tables.table import Row, Table

_STYLES = {"published": "", "ours": "bold green", "baseline": "cyan"}


def markdown(table: Table) -> str:
    """GitHub's Markdown: our rows and section headings are bold, notes follow as a list."""
    lines = [_line(table.columns), _line(["---"] * len(table.columns))]
    for section in table.sections:
        if section.title:
            blanks = [""] * (len(table.columns) - 1)
            lines.append(_line([f"**{escaped(section.title)}**", *blanks], escape=False))
        lines += [_markdown_row(row) for row in section.rows]
    notes = [f"- {sign} {escaped(text)}".replace("-  ", "- ") for sign, text in table.notes]
    return "\n".join([*lines, "", *notes]) + "\n"


def console(table: Table) -> rich_table.Table:
    """The same for rich's console; texts are taken literally, never as rich's markup."""
    notes = "\n".join(f"{sign} {text}".strip() for sign, text in table.notes)
    drawn = rich_table.Table(
        title=Text(table.title),
        caption=Text(notes),
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
    """Lines of cells with a tab between them, the columns' titles first: for other programs."""
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
    """Text that Markdown shows as it is: no new cell, tag or emphasis begins in it."""
    for character in "\\|<*`":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
