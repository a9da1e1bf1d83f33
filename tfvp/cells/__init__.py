"""Recurrent cells: one paper, one file, one step of time, each a Keras layer and RNN cell.

`CELLS` has every cell by its kind, the value of `model.cell.kind`; `make_cell` makes one by it;
`GridRNN` runs one over time in a Keras model.
Keras is imported when a cell is first asked for: their sections (`tfvp.cells.config`) need none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfvp.cells.causal_lstm import CausalLSTMCell
    from tfvp.cells.conv_lstm import ConvLSTMCell
    from tfvp.cells.eidetic_lstm import EideticLSTMCell
    from tfvp.cells.fc_lstm import FCLSTMCell
    from tfvp.cells.ghu import GHU
    from tfvp.cells.make import CELLS, make_cell
    from tfvp.cells.prednet import PredNetCell
    from tfvp.cells.rnn import GridRNN
    from tfvp.cells.st_lstm import STLSTMCell

__all__ = [
    "CELLS",
    "GHU",
    "CausalLSTMCell",
    "ConvLSTMCell",
    "EideticLSTMCell",
    "FCLSTMCell",
    "GridRNN",
    "PredNetCell",
    "STLSTMCell",
    "make_cell",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tfvp.cells' has no attribute {name!r}")
    home = "rnn" if name == "GridRNN" else "make"
    return getattr(import_module(f"tfvp.cells.{home}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
