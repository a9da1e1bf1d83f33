"""Writes tables for other programs: CSV with plain numbers, and LaTeX."""

import csv
import io
from collections.abc import Iterator

from tfvp.reporting.tables import NOTHING, Row, Table

FACTS = ("Steps", "Data", "Sequences", "Seed", "Source")
_LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\to$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "·": r"$\cdot$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "‖": r"$\Vert$",
    NOTHING: "--",
}


def comma_separated(tables: dict[str, Table]) -> str:
    """One file for `csv`: a line for each number, its mean and half its interval apart.

    Args:
        tables: id -> table of the literature; columns with an arrow in their title hold numbers.
    """
    lines = io.StringIO()
    facts = [each.lower() for each in FACTS]
    writer = csv.DictWriter(
        lines,
        ["table", "section", "kind", "model", "metric", "mean", "half_interval", "note", *facts],
        lineterminator="\n",
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
    facts = {name.lower(): _plain(cells[name]).replace(",", "") for name in ("Steps", "Sequences")}
    facts |= {name.lower(): _plain(cells[name]) for name in ("Data", "Seed", "Source")}
    model = _without_sign(row.cells[0], notes)
    for column, cell in cells.items():
        if column.endswith((" ↑", " ↓")) and cell.split()[0] != NOTHING:
            words = cell.split()
            note = notes.get(words.pop(), "") if words[-1] in notes else ""
            half = words[2] if len(words) == 3 else ""
            number = {"mean": words[0], "half_interval": half, "note": note}
            yield {"model": model, "metric": column[:-2], **number, **facts}


def _without_sign(text: str, notes: dict[str, str]) -> str:
    before, _, last = text.rpartition(" ")
    return before if last in notes else text


def _plain(cell: str) -> str:
    return "" if cell == NOTHING else cell


def latex(table: Table) -> str:
    """A `tabular` for the package booktabs, the title and the notes around it."""
    columns = "l" * len(table.columns)
    lines = [rf"\textbf{{{latex_text(table.title)}}}", "", rf"\begin{{tabular}}{{{columns}}}"]
    lines += [r"\toprule", _latex_line(table.columns)]
    for section in table.sections:
        lines.append(r"\midrule")
        if section.title:
            title = rf"\textit{{{latex_text(section.title)}}}"
            lines.append(rf"\multicolumn{{{len(table.columns)}}}{{l}}{{{title}}} \\")
        lines += [_latex_line(row.cells) for row in section.rows]
    notes = [latex_text(f"{sign} {text}".strip()) + r"\par" for sign, text in table.notes]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", "", *notes]) + "\n"


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is: no command begins in it."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def _latex_line(cells: tuple[str, ...]) -> str:
    # A bracket after the line end of the row before would be read as its argument.
    return " & ".join(f"{{}}{latex_text(cell)}" for cell in cells) + r" \\"
