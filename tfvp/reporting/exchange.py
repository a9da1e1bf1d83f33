"""Writes tables for other programs: CSV with plain numbers, and LaTeX."""

import csv
import io
from collections.abc import Iterator

from tfvp.reporting.cells import NOTHING, Cell
from tfvp.reporting.literature import FACTS
from tfvp.reporting.tables import ARROWS, Row, Table

_LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\to$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "·": r"$\cdot$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "√": r"$\surd$",
    "²": r"$^2$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "‖": r"$\Vert$",
    NOTHING: "--",
}


def comma_separated(tables: dict[str, Table]) -> str:
    """One file for `csv`: a line for each number, its mean and half its interval apart.

    `shown` is the number as the tables show it, of published ones all that is known; `mean` and
    `half_interval` have nine digits.

    Args:
        tables: id -> table of the literature.
    """
    lines = io.StringIO()
    facts = [each.lower() for each in FACTS]
    numbers = ["metric", "mean", "half_interval", "shown", "note"]
    writer = csv.DictWriter(
        lines, ["table", "section", "kind", "model", *numbers, *facts], lineterminator="\n"
    )
    writer.writeheader()
    for table_id, table in tables.items():
        for section in table.sections:
            for row in section.rows:
                where = {"table": table_id, "section": section.title, "kind": row.kind}
                writer.writerows(where | number for number in _numbers(table, row))
    return lines.getvalue()


def _numbers(table: Table, row: Row) -> Iterator[dict[str, str]]:
    """Each number of a row with what the row says about itself; none where nothing was measured."""
    notes = {sign: text for sign, text in table.notes if sign}
    cells = dict(zip(table.columns, row.cells, strict=True))
    said = {name.lower(): _plain(cells[name]) for name in FACTS}
    for column, cell in cells.items():
        if column in FACTS or cell.value is None:
            continue
        half = "" if cell.half is None else f"{cell.half:.9g}"
        count = {} if cell.sequences is None else {"sequences": str(cell.sequences)}
        yield {
            "model": row.cells[0].text,
            "metric": column.rstrip(" " + "".join(ARROWS.values())),
            "mean": f"{cell.value:.9g}",
            "half_interval": half,
            "shown": cell.text,
            "note": notes.get(cell.sign, ""),
            **said,
            **count,
        }


def _plain(cell: Cell) -> str:
    """A fact without what is for readers' eyes."""
    if cell.value is not None:
        return f"{cell.value:.9g}"
    return "" if cell.text == NOTHING else cell.text


def latex(table: Table) -> str:
    """A `tabular` for the package booktabs, the title and the notes around it."""
    rows = [row for section in table.sections for row in section.rows]
    columns = "".join(
        "r" if any(row.cells[i].value is not None for row in rows) else "l"
        for i in range(len(table.columns))
    )
    lines = [rf"\textbf{{{latex_text(table.title)}}}", "", rf"\begin{{tabular}}{{{columns}}}"]
    lines += [r"\toprule", _latex_line(map(Cell, table.columns))]
    for section in table.sections:
        lines.append(r"\midrule")
        if section.title:
            title = rf"\textit{{{latex_text(section.title)}}}"
            lines.append(rf"\multicolumn{{{len(table.columns)}}}{{l}}{{{title}}} \\")
        lines += [_latex_line(row.cells) for row in section.rows]
    notes = [f"{_latex_sign(sign)}{latex_text(text)}" + r"\par" for sign, text in table.notes]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", "", *notes]) + "\n"


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is: no command begins in it."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def _latex_line(cells: Iterator[Cell] | tuple[Cell, ...]) -> str:
    # A bracket after the line end of the row before would be read as its argument.
    written = (f"{{}}{latex_text(cell.text)}{_latex_sign(cell.sign)}" for cell in cells)
    return " & ".join(written) + r" \\"


def _latex_sign(sign: str) -> str:
    return rf"\textsuperscript{{{latex_text(sign)}}}" if sign else ""
