"""A recurrent cell chosen by its kind, for networks whose recurrent part can be exchanged."""

from typing import Any

from tfvp.cells import CELLS
from tfvp.cells.base import GridCell


def recurrent_cell(settings: dict[str, Any], filters: int, **kwargs) -> GridCell:
    """A cell on a grid that steps on its own: x (B, H, W, Cin), state -> h' (B, H, W, filters).

    Its whole state is its own, an ST-LSTM's memory too: none goes from one layer to the next.

    Args:
        settings: `kind`, e.g. conv_lstm or st_lstm, and arguments of that cell but `filters`.
        filters: channels of its output.
        kwargs: dtype and name of the layer.

    Raises:
        ValueError: no cell on a grid has this kind.

    >>> recurrent_cell({"kind": "st_lstm", "kernel": 3}, 8).output_size
    8
    """
    arguments = dict(settings)
    kind = arguments.pop("kind", None)
    kinds = [name for name, cell in CELLS.items() if issubclass(cell, GridCell)]
    if kind not in kinds:
        raise ValueError(f"kind: expected one of {', '.join(kinds)}, got {kind}")
    return CELLS[kind](filters, **arguments, **kwargs)
