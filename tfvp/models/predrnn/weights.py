"""PredRNN's weights under the names of the authors' PyTorch program."""

from typing import Any

from tfvp.porting.program import WeightNames
from tfvp.porting.torch_layout import kernel, norm_over_maps

_SHORT = {"input": "x", "hidden": "h", "memory": "m", "out": "o"}


def released_names(core: Any) -> WeightNames:
    """Return every weight of a `PredRNN` by its name in a state dict of the program, in its order.

    Kernels are (out, in, rows, columns) there, norms (channels, rows, columns).
    """
    named: WeightNames = {}
    for i, cell in enumerate(core.cells):
        for source, short in _SHORT.items():
            name = f"cell_list.{i}.conv_{short}"
            named[f"{name}.0.weight"] = ((cell.convs[source].kernel, kernel),)
            if core.layer_norm:
                norm = cell.norms[source]
                named[f"{name}.1.weight"] = ((norm.gamma, norm_over_maps),)
                named[f"{name}.1.bias"] = ((norm.beta, norm_over_maps),)
        named[f"cell_list.{i}.conv_last.weight"] = ((cell.conv_mix.kernel, kernel),)
    named["conv_last.weight"] = ((core.decoder.kernel, kernel),)
    if core.decouple:
        named["adapter.weight"] = ((core.adapter.kernel, kernel),)
    return named
