"""Makes a cell by its kind."""

from typing import Any

from tfvp.cells.base import GridCell
from tfvp.cells.causal_lstm import CausalLSTMCell
from tfvp.cells.conv_lstm import ConvLSTMCell
from tfvp.cells.eidetic_lstm import EideticLSTMCell
from tfvp.cells.fc_lstm import FCLSTMCell
from tfvp.cells.ghu import GHU
from tfvp.cells.prednet import PredNetCell
from tfvp.cells.st_lstm import STLSTMCell

CELLS = {
    "eidetic_lstm": EideticLSTMCell,
    "st_lstm": STLSTMCell,
    "causal_lstm": CausalLSTMCell,
    "ghu": GHU,
    "prednet": PredNetCell,
    "conv_lstm": ConvLSTMCell,
    "fc_lstm": FCLSTMCell,
}


def make_cell(settings: dict[str, Any], filters: int, **kwargs) -> GridCell:
    """Make a cell on a grid by its kind: x (B, H, W, Cin), state -> h' (B, H, W, filters).

    Its whole state is its own, an ST-LSTM's memory too: none goes from one layer to the next.

    Args:
        settings: `kind`, e.g. conv_lstm or st_lstm, and arguments of that cell but `filters`.
        filters: channels of its output.
        kwargs: dtype and name of the layer.

    Raises:
        ValueError: no cell on a grid has this kind.

    >>> make_cell({"kind": "st_lstm", "kernel": 3}, 8).output_size
    8
    """
    arguments = dict(settings)
    kind = arguments.pop("kind", None)
    kinds = [name for name, cell in CELLS.items() if issubclass(cell, GridCell)]
    if kind not in kinds:
        raise ValueError(f"kind: expected one of {', '.join(kinds)}, got {kind}")
    return CELLS[kind](filters, **arguments, **kwargs)
