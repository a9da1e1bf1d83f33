"""Checkpoints of the TF1 PredRNN++ program: its names, and the ones that are not weights."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfvp.errors import WeightsError
from tfvp.porting.match import Shape, check_fit
from tfvp.porting.tf1_variables import TF1Variables

SCOPE = "predrnn_pp/"
_SLOTS = ("/Adam", "/Adam_1")
# only the cells of the first three days and weeks have variables of these names
_EARLIER = ("/time_state_to_state/", "/cell_reduce/")


def predrnn_pp_weights(prefix: str | Path, expected: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """The weights of a `PredRNNPP`, as they were after the last update.

    Args:
        prefix: see `TF1Variables`.
        expected: released name -> shape, see `PredRNNPP.released_names`. Kernels are (rows,
            columns, in, out) in the program as in Keras and need no turning.

    Raises:
        WeightsError: files are missing or damaged, they are not of this program, of its release of
            April 2018, or of another network.
    """
    variables, found = _open(prefix)
    decided_by = "model.hidden, model.cell, model.patch_px and the frame's channels"
    check_fit(variables.name, found, expected, decided_by)
    return {name: variables.read(name) for name in expected}


def every_weight(prefix: str | Path) -> dict[str, np.ndarray]:
    """Whatever is not the optimizer's; raises as `predrnn_pp_weights`."""
    variables, found = _open(prefix)
    return {name: variables.read(name) for name in sorted(found)}


def _open(prefix: str | Path) -> tuple[TF1Variables, dict[str, Shape]]:
    """The checkpoint and its weights' shapes."""
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
