"""Writes tables for other programs: CSV with plain numbers, and LaTeX."""

import csv
import io
from collections.abc import Iterator

from tfvp.reporting.tables.literature import DETAILS
from tfvp.reporting.tables.table import ARROWS, NOTHING, Cell, Row, Table

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
_BEYOND_LATIN = 0x180
LATEX_HEAD = r"""% Needs: \usepackage[utf8]{inputenc} \usepackage[T1]{fontenc}
%        \usepackage{array,booktabs,longtable}
% Tables with many columns need a landscape page.
"""
_MANY_COLUMNS = 8
_UNFOLDED = 24  # letters of a text that stays on one line
_FOLDED = r">{\raggedright\arraybackslash}p{%s\linewidth}"
# Of lines; a table of many columns is printed smaller.
_NAME_WIDTH, _TEXT_WIDTH = {True: 0.16, False: 0.2}, {True: 0.1, False: 0.14}


def comma_separated(tables: dict[str, Table]) -> str:
    """Write tables as one CSV text with a line for each number.

    The columns `mean`, `half_interval` (over sequences) and those over seeds have nine digits;
    `shown` is the number as the tables show it, which for published numbers is all that is known.

    Args:
        tables: the id of each table -> the table of the literature.
    """
    lines = io.StringIO()
    details = [title.lower() for title in DETAILS]
    numbers = ["metric", "mean", "half_interval", "shown", "note"]
    seeds = ["half_interval_seeds", "deviation_seeds"]
    writer = csv.DictWriter(
        lines,
        ["table", "section", "kind", "model", *numbers, *details, *seeds],
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
    """Describe each number of a row, with the row's details; empty cells are left out."""
    footnotes = {sign: text for sign, text in table.footnotes if sign}
    cells = dict(zip(table.columns, row.cells, strict=True))
    said = {name.lower(): _plain(cells[name]) for name in DETAILS}
    for column, cell in cells.items():
        if column in DETAILS or cell.value is None:
            continue
        half = "" if cell.half is None else f"{cell.half:.9g}"
        spread = cell.spread
        count = {} if cell.sequences is None else {"sequences": str(cell.sequences)}
        yield {
            "model": row.cells[0].text,
            "metric": column.rstrip(" " + "".join(ARROWS.values())),
            "mean": f"{cell.value:.9g}",
            "half_interval": half,
            "shown": cell.text,
            "note": footnotes.get(cell.sign, ""),
            **said,
            **count,
            "half_interval_seeds": f"{spread.half:.9g}" if spread else "",
            "deviation_seeds": f"{spread.deviation:.9g}" if spread else "",
        }


def _plain(cell: Cell) -> str:
    """Write the number of a cell with nine digits, or else its text; empty for NOTHING."""
    if cell.value is not None:
        return f"{cell.value:.9g}"
    return "" if cell.text == NOTHING else cell.text


def latex(table: Table) -> str:
    """Write a table as a `longtable`, which goes on over pages, with its footnotes.

    Columns without any content are left out, and long texts are folded. `LATEX_HEAD` names the
    packages that are needed.
    """
    rows = [row for section in table.sections for row in section.rows]
    shown = [
        i
        for i in range(len(table.columns))
        if i == 0 or any(row.cells[i].text not in ("", NOTHING) for row in rows)
    ]
    many = len(shown) > _MANY_COLUMNS
    columns = "".join(_latex_column(i, [row.cells[i] for row in rows], many) for i in shown)
    across = rf"\multicolumn{{{len(shown)}}}{{@{{}}l@{{}}}}"
    heads = [r"\toprule", _latex_line([Cell(table.columns[i]) for i in shown]), r"\midrule"]
    lines = [
        r"{\scriptsize" if many else r"{\footnotesize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{longtable}}[l]{{@{{}}{columns}@{{}}}}",
        rf"{across}{{\normalsize\textbf{{{latex_text(table.title)}}}}} \\[3pt]",
        *(*heads, r"\endfirsthead", *heads, r"\endhead"),
    ]
    for number, section in enumerate(table.sections):
        lines += [r"\midrule"] if number else []
        if section.title:
            lines.append(rf"{across}{{\textit{{{latex_text(section.title)}}}}} \\*")
        lines += [_latex_line([row.cells[i] for i in shown]) for row in section.rows]
    footnotes = [
        rf"\noindent {_latex_sign(sign)}{latex_text(text)}\par" for sign, text in table.notes
    ]
    return "\n".join([*lines, r"\bottomrule", r"\end{longtable}", *footnotes, r"}\bigskip", ""])


def _latex_column(place: int, cells: list[Cell], many: bool) -> str:
    """Specify a column: numbers on the right, texts on the left, long texts folded."""
    if place and any(cell.value is not None for cell in cells):
        return "r"
    if max((len(cell.text) for cell in cells), default=0) <= _UNFOLDED:
        return "l"
    return _FOLDED % (_TEXT_WIDTH if place else _NAME_WIDTH)[many]


def latex_text(text: str) -> str:
    """Escape a text so that LaTeX prints it literally; letters that it lacks become numbers."""
    return "".join(_LATEX.get(c) or _latex_letter(c) for c in " ".join(text.split()))


def _latex_letter(letter: str) -> str:
    return letter if ord(letter) < _BEYOND_LATIN else f"[U+{ord(letter):04X}]"


def _latex_line(cells: list[Cell]) -> str:
    # A bracket after the line end of the row before would be read as its argument.
    written = (f"{{}}{latex_text(cell.text)}{_latex_sign(cell.sign)}" for cell in cells)
    return " & ".join(written) + r" \\"


def _latex_sign(sign: str) -> str:
    return rf"\textsuperscript{{{latex_text(sign)}}}" if sign else ""
