"""The style of all figures: colours and dashes of lines, legends, and encoding as PNG or SVG."""

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

DPI = 120
COLOURS = 10  # that matplotlib calls C0 to C9
# Told apart without colour too.
LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("s", "^", "D", "v", "P", "X")  # of baselines; networks have circles
# Lines of text that a legend may have before it gets another column, and how wide a name is.
_LEGEND_LINES = 5
_NAME_INCHES = 3.3


def look(number: int) -> dict[str, Any]:
    """Choose colour and dashes of the line with this number, from 0; the first fifty differ."""
    style = LINES[(number + number // COLOURS) % len(LINES)]
    return {"color": f"C{number % COLOURS}", "linestyle": style}


def baseline_look(number: int) -> dict[str, Any]:
    """Choose grey and marker of the baseline with this number, from 0; the first six differ."""
    grey = str(0.2 + 0.12 * (number % len(MARKERS)))
    return {"color": grey, "linestyle": ":", "marker": MARKERS[number % len(MARKERS)]}


def legend_columns(entries: int, width: float) -> int:
    """Compute the number of columns of a legend below a figure that is `width` inches wide."""
    return min(max(-(-entries // _LEGEND_LINES), 1), int(width // _NAME_INCHES))


def legend_inches(entries: int, width: float) -> float:
    """Compute the height of such a legend in inches."""
    return 0.22 * -(-entries // legend_columns(entries, width)) + 0.2


def png(figure: Figure) -> bytes:
    """Encode a figure as PNG."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    return data.getvalue()


def svg(figure: Figure) -> bytes:
    """Encode a figure as SVG, which stays sharp at every width: the same bytes every time."""
    data = io.BytesIO()
    with rc_context({"svg.hashsalt": "tfvp"}):
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    return data.getvalue()
