"""E3D-LSTM's weights under the names of the released TF1 program."""

import dataclasses
from typing import Any

import keras
import numpy as np

from tfvp.models.e3d_lstm.tf1_checkpoint import TF1Checkpoint
from tfvp.porting.program import OptimizerState, Program, Source, WeightNames
from tfvp.porting.torch_layout import same

_CREATION_ORDER = (
    *("conv_hidden", "norm_hidden", "conv_input", "norm_input", "norm_cell"),
    *("conv_memory", "norm_memory", "conv_cell_out", "conv_memory_out", "conv_mix"),
)


def released_names(core: Any) -> WeightNames:
    """Return every weight of an `EideticStack`, in the order in which the program creates them."""
    named = {}
    for i, cell in enumerate(core.cells):
        for layer in _CREATION_ORDER:
            for weight in getattr(cell, layer).weights:
                owner = getattr(cell, layer).name
                named[f"generator/e3d-lstm/e3d{i}/{owner}/{weight.name}"] = same(weight)
    for weight in core.decoder.weights:
        named[f"generator/e3d-lstm/conv3d/{weight.name}"] = same(weight)
    return named


class E3DProgram(Program):
    """The TF1 program, whose checkpoints also hold averages and the optimizer's state."""

    def __init__(self, core: Any):
        super().__init__(released_names(core))

    def everything(self, source: str, kernels: str = "auto") -> Source:
        """See `Program`."""
        del kernels
        return Source(TF1Checkpoint(source).every_weight(), self.names)

    def weights(
        self, source: str, *, averaged: bool = False, kernels: str = "auto"
    ) -> list[tuple[keras.Variable, np.ndarray]]:
        """See `Program`."""
        del kernels
        checkpoint = TF1Checkpoint(source)
        read = checkpoint.averaged_weights if averaged else checkpoint.weights
        values = read(self.shapes)
        return [(variable, values[name]) for name, variable in self.variables.items()]

    def optimizer_state(self, source: str, trained: list[str]) -> OptimizerState:
        """See `Program`; includes averages, as the program does in restoring a whole checkpoint."""
        checkpoint, shapes = TF1Checkpoint(source), self.shapes
        state = checkpoint.optimizer_state({name: shapes[name] for name in trained})
        return dataclasses.replace(state, averages=checkpoint.averaged_weights(shapes))
