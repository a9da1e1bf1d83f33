"""What all figures share: how lines are told apart, and how a figure becomes a picture."""

import io

from matplotlib.figure import Figure

DPI = 120
# Told apart without colour too.
LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))


def png(figure: Figure) -> bytes:
    """Encode as PNG, without the time it was made."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    return data.getvalue()
