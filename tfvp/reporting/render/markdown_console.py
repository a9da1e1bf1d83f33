"""Writes tables as Markdown, for the console, and as lines with tabs for other programs."""

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table as Block
from rich.text import Text

from tfvp.reporting.tables.table import Cell, Row, Table

_STYLES = {"published": "", "ours": "bold green", "baseline": "cyan"}
_FOLDED = {True: 30, False: 18}  # letters of a text before it is folded, in the first column or not


def markdown(table: Table) -> str:
    """Write GitHub's Markdown: our rows and headings are bold, footnotes follow as a list."""
    lines = [_line(table.columns), _line(["---"] * len(table.columns))]
    for section in table.sections:
        if section.title:
            blanks = [""] * (len(table.columns) - 1)
            lines.append(_line([f"**{escaped(section.title)}**", *blanks], escape=False))
        lines += [_markdown_row(row) for row in section.rows]
    footnotes = [f"- {s} {escaped(text)}".replace("-  ", "- ") for s, text in table.notes]
    return "\n".join([*lines, "", *footnotes]) + "\n"


def console(table: Table, width: int) -> Group:
    """Make a table for rich's console; texts are taken literally, never as rich's markup.

    No word is broken: what does not fit beside the first column stands in further blocks of columns
    below, each after the first column again.

    Args:
        table: the table.
        width: letters on a line of the console.
    """
    rows = [row for section in table.sections for row in section.rows]
    columns = [
        [Cell(title), *(row.cells[i] for row in rows)] for i, title in enumerate(table.columns)
    ]
    columns[0] += [Cell(section.title) for section in table.sections]
    widths = [max(cell_len(str(cell)) for cell in cells) for cells in columns]
    if _block_width(range(len(columns)), widths) > width:
        widths = [_folded_width(cells, first=i == 0) for i, cells in enumerate(columns)]
    blocks: list[list[int]] = [[]]
    for i in range(1, len(columns)):
        if blocks[-1] and _block_width([0, *blocks[-1], i], widths) > width:
            blocks.append([])
        blocks[-1].append(i)
    footnotes = [Text(f"{sign} {text}".strip()) for sign, text in table.notes]
    drawn = [_block(table, [0, *block], widths) for block in blocks]
    return Group(Text(table.title, style="italic"), *drawn, *footnotes, Text())


def _folded_width(cells: Sequence[Cell], *, first: bool) -> int:
    """Return the width of a column; numbers and their signs stay on a line, texts are folded."""
    texts = [str(cell) for cell in cells]
    numbers = [str(cell) for cell in cells if cell.value is not None]
    words = [word for text in texts for word in text.split()]
    short = min(_FOLDED[first], max(map(cell_len, texts)))
    return max(short, *map(cell_len, [*numbers, *words]))


def _block_width(block: Sequence[int], widths: Sequence[int]) -> int:
    """Return the width of a line with these columns, each with a space and an edge beside it."""
    return sum(widths[i] + 3 for i in block) + 1


def _block(table: Table, block: Sequence[int], widths: Sequence[int]) -> Block:
    drawn = Block(box=box.SIMPLE_HEAD)
    for i in block:
        drawn.add_column(Text(table.columns[i]), width=widths[i], overflow="fold")
    for section in table.sections:
        if section.title:
            drawn.add_row(Text(section.title, style="italic"))
        for row in section.rows:
            drawn.add_row(*(Text(row.texts[i]) for i in block), style=_STYLES[row.kind])
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
