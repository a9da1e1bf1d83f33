"""The ConvLSTM stack's weights under the names of OpenSTL's state dicts."""

import re
from typing import Any

from tfvp.porting import torch_layout
from tfvp.porting.program import WeightNames


def openstl_names(core: Any) -> WeightNames:
    """Return every weight of a `ConvLSTMStack` without biases by its name in OpenSTL."""
    named = {}
    for i, cell in enumerate(core.cells):
        named[f"cell_list.{i}.conv_x.0.weight"] = cell.kernel
        named[f"cell_list.{i}.conv_h.0.weight"] = cell.recurrent_kernel
    named["conv_last.weight"] = core.decoder.kernel
    return {name: torch_layout.turned(weight) for name, weight in named.items()}


def unused_by_openstl(name: str) -> bool:
    """Return whether OpenSTL's cells declare and save this weight but never use it."""
    return bool(re.fullmatch(r"cell_list\.\d+\.(conv_o\.0|conv_last)\.weight", name))
