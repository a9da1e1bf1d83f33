"""Weights of CDNA, DNA and STP under the names of the released TF1 program, and its checkpoints."""

from typing import Any

import keras
import numpy as np

from tfvp.errors import WeightsError
from tfvp.porting.program import Program, Source, WeightNames
from tfvp.porting.tf1_variables import TF1Variables
from tfvp.porting.torch_layout import same

SCOPE = "model/"
_OF_OPTIMIZER = ("/Adam", "/Adam_1", "beta1_power", "beta2_power")
_GATES = (0, 2, 1, 3)  # of i, j, f, o as our cell has them: i, f, c, o


def released_names(core: Any) -> WeightNames:
    """Return every weight of a `CDNA`, by its name in the program's checkpoints."""
    first, *others = core.downward
    named = {f"{SCOPE}{first.name}/weights": same(first.kernel)}
    named |= _norm(f"{first.name}/", core.norms[0])
    for cell, norm in zip(core.cells, core.norms[1:8], strict=True):
        named |= _cell(cell) | _norm("", norm)
    for layer in (*others, *core.upward[:2]):
        named |= _layer(layer.name, layer)
    last = core.upward[2]
    named |= {f"{SCOPE}{last.name}/weights": same(last.kernel)}
    named |= _norm(f"{last.name}/", core.norms[8])
    heads = core.decoder
    named |= _head("convt4", heads.pixels) | _head("convt7", heads.masks)
    motion = [heads.motion.dense] if heads.motion is not None else []
    for layer in (*motion, *getattr(heads.motion, "transformations", ())):
        named |= _layer(layer.name, layer)
    return named


def _layer(name: str, layer: Any) -> WeightNames:
    return {
        f"{SCOPE}{name}/weights": same(layer.kernel),
        f"{SCOPE}{name}/biases": same(layer.bias),
    }


def _head(name: str, layer: keras.layers.Conv2D) -> WeightNames:
    """Name a transposed 1x1 convolution of the program: (1, 1, out, in)."""
    turned = ((layer.kernel, lambda value: np.swapaxes(value, 2, 3)),)
    return _layer(name, layer) | {f"{SCOPE}{name}/weights": turned}


def _norm(scope: str, layer: Any) -> WeightNames:
    name = f"{SCOPE}{scope}{layer.name}"
    return {f"{name}/beta": same(layer.beta), f"{name}/gamma": same(layer.gamma)}


def _cell(cell: Any) -> WeightNames:
    """Name a cell's convolution of [x, h], whose forget gate has one more inside."""
    hidden, forget = cell.filters, np.repeat([0, 1, 0, 0], cell.filters).astype("float32")
    return {
        f"{SCOPE}{cell.name}/Gates/weights": (
            (cell.kernel, lambda value: _our_gates(value[:, :, :-hidden])),
            (cell.recurrent_kernel, lambda value: _our_gates(value[:, :, -hidden:])),
        ),
        f"{SCOPE}{cell.name}/Gates/biases": (
            (cell.bias, lambda value: _our_gates(value) + forget),
        ),
    }


def _our_gates(value: np.ndarray) -> np.ndarray:
    gates = np.split(value, 4, axis=-1)
    return np.concatenate([gates[gate] for gate in _GATES], axis=-1)


class CDNAProgram(Program):
    """The TF1 program of Finn et al. 2016 (github tensorflow/models, video_prediction)."""

    def __init__(self, core: Any):
        super().__init__(released_names(core))

    def everything(self, source: str, kernels: str = "auto") -> Source:
        """See `Program`; the layer that predicts a robot's states is there whether used or not."""
        del kernels
        variables = TF1Variables(source)
        values = {
            name: variables.read(name)
            for name in sorted(variables.shapes)
            if name.startswith(SCOPE) and not name.endswith(_OF_OPTIMIZER)
        }
        if f"{SCOPE}scale1_conv1/weights" not in values:
            raise WeightsError(
                f"{variables.prefix} is a TF1 checkpoint, but not of the program of Finn et al. "
                f"2016: it has no {SCOPE}scale1_conv1/weights"
            )
        states = [name for name in values if name.startswith(f"{SCOPE}state_pred/")]
        return Source(values, self.names, dict.fromkeys(states, "predicts a robot's state"))
