"""What all figures share: how lines are told apart, and how a figure becomes a picture."""

import io
from typing import Any

from matplotlib.figure import Figure

DPI = 120
COLOURS = 10  # that matplotlib calls C0 to C9
# Told apart without colour too.
LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
# Lines of text that a legend may have before it gets another column, and how wide a name is.
_LEGEND_LINES = 5
_NAME_INCHES = 3.3


def look(number: int) -> dict[str, Any]:
    """Colour and style of the line with this number, from 0; the first fifty differ."""
    style = LINES[(number + number // COLOURS) % len(LINES)]
    return {"color": f"C{number % COLOURS}", "linestyle": style}


def legend_columns(entries: int, width: float) -> int:
    """How many columns a legend below a figure `width` inches wide has."""
    return min(max(-(-entries // _LEGEND_LINES), 1), int(width // _NAME_INCHES))


def legend_inches(entries: int, width: float) -> float:
    """How high such a legend is."""
    return 0.22 * -(-entries // legend_columns(entries, width)) + 0.2


def png(figure: Figure) -> bytes:
    """Encode as PNG, without the time it was made."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    return data.getvalue()
