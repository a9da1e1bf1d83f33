"""PredRNN++'s weights under the names of the released TF1 program, and its checkpoints."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfvp.cells.causal_lstm import CONVOLUTIONS
from tfvp.errors import WeightsError
from tfvp.porting.match import Shape, check_fit
from tfvp.porting.program import AVERAGED, Program, Source, WeightNames, only_weights
from tfvp.porting.tf1_variables import TF1Variables
from tfvp.porting.torch_layout import same

SCOPE = "predrnn_pp/"
_SLOTS = ("/Adam", "/Adam_1")
# only earlier states of the program's cells have variables of these names
_EARLIER = ("/time_state_to_state/", "/cell_reduce/")


def predrnn_pp_weights(prefix: str | Path, expected: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """Read the weights of a `PredRNNPP` as they were after the last update.

    Args:
        prefix: see `TF1Variables`.
        expected: released name -> shape, see `released_names`. Kernels are (rows,
            columns, in, out) in the program as in Keras and are not transposed.

    Raises:
        WeightsError: files are missing or damaged, they are not of this program, of its release of
            April 2018, or of another network.
    """
    variables, found = _open(prefix)
    decided_by = "model.hidden, model.cell, model.patch_px and the frame's channels"
    check_fit(variables.name, found, expected, decided_by)
    return {name: variables.read(name) for name in expected}


def every_weight(prefix: str | Path) -> dict[str, np.ndarray]:
    """Read all variables but the optimizer's; raises as `predrnn_pp_weights`."""
    variables, found = _open(prefix)
    return {name: variables.read(name) for name in sorted(found)}


def _open(prefix: str | Path) -> tuple[TF1Variables, dict[str, Shape]]:
    """Open a checkpoint; returns it and the shapes of its weights, without the optimizer's."""
    variables = TF1Variables(prefix)
    found = {
        name: tuple(shape)
        for name, shape in variables.shapes.items()
        if name.startswith(SCOPE) and not name.endswith(_SLOTS)
    }
    if not found:
        raise WeightsError(
            f"{variables.prefix} is a TF1 checkpoint, but not of the PredRNN++ program: no "
            f"variable of it begins with {SCOPE}"
        )
    if any(part in name for name in found for part in _EARLIER):
        raise WeightsError(
            f"{variables.prefix} is of the PredRNN++ release of April 2018, whose cell is another "
            "(without convolutions of the cell state), and cannot be used"
        )
    return variables, found


def released_names(core: Any) -> WeightNames:
    """Return every weight of a `PredRNNPP` by its name in the program's checkpoints."""
    named: WeightNames = {}
    for cell in core.cells:
        scope = f"{SCOPE}{cell.name}"
        for name, (_, norm) in CONVOLUTIONS.items():
            named |= _convolution(f"{scope}/{name}", cell.convs[name])
            if core.layer_norm:
                named |= _norm(f"{scope}/{norm}", cell.norms[name])
        named |= _convolution(f"{scope}/memory_reduce", cell.conv_mix)
    for source, conv in core.highway.convs.items():
        named |= _convolution(f"{SCOPE}highway/{source}", conv)
        if core.layer_norm:
            named |= _norm(f"{SCOPE}highway/{source}", core.highway.norms[source])
    return named | _convolution(f"{SCOPE}back_to_pixel", core.decoder)


def _convolution(name: str, layer: keras.layers.Conv2D) -> WeightNames:
    return {f"{name}/kernel": same(layer.kernel), f"{name}/bias": same(layer.bias)}


def _norm(name: str, layer: Any) -> WeightNames:
    """Name shift and scale as the program, which appends "b" and "s" to a norm's name."""
    return {f"{name}b": same(layer.beta), f"{name}s": same(layer.gamma)}


class PredRNNPPProgram(Program):
    """The TF1 program of PredRNN++."""

    def __init__(self, core: Any):
        super().__init__(released_names(core))

    def everything(self, source: str, kernels: str = "auto") -> Source:
        """See `Program`."""
        del kernels
        return Source(every_weight(source), self.names)

    def weights(
        self, source: str, *, averaged: bool = False, kernels: str = "auto"
    ) -> list[tuple[keras.Variable, np.ndarray]]:
        """See `Program`."""
        del kernels
        if averaged:
            raise only_weights(source, AVERAGED)
        values = predrnn_pp_weights(source, self.shapes)
        return [(variable, values[name]) for name, variable in self.variables.items()]
