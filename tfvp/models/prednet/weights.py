"""PredNet's weights in the HDF5 files of Keras 2, TensorFlow's or Theano's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfvp.cells.prednet import GATES
from tfvp.errors import WeightsError
from tfvp.porting.match import Shape, check_fit
from tfvp.porting.program import Program, Source, WeightNames
from tfvp.porting.torch_layout import same


@dataclass(frozen=True)
class PredNetFile:
    """The arrays of such a file.

    Args:
        weights: (name in the file, released name, array) of the PredNet, in the released order.
        others: name in the file -> array, of the other layers: the frozen weights of the loss.
    """

    weights: tuple[tuple[str, str, np.ndarray], ...]
    others: Mapping[str, np.ndarray]


def prednet_weights(
    path: Path, expected: Mapping[str, Shape], kernels: str = "auto"
) -> dict[str, np.ndarray]:
    """Read the weights alone of `read_prednet`, by their released names."""
    file = read_prednet(path, expected, kernels)
    return {released: array for _, released, array in file.weights}


def read_prednet(path: Path, expected: Mapping[str, Shape], kernels: str = "auto") -> PredNetFile:
    """Read a file that `save_weights` or `ModelCheckpoint` of Keras 2 wrote.

    Weights are taken by their order, which is fixed, and not by name: names hold a layer's number.

    Args:
        path: the HDF5 file.
        expected: released name -> shape, in the released order, see `released_names`.
        kernels: "tensorflow"; "theano", whose convolution turns a kernel by half a circle, so that
            it must be turned back; "auto": as the file's `backend` says, TensorFlow where it does
            not say.

    Raises:
        WeightsError: it cannot be read, holds no PredNet, or another one.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            root = file["model_weights"] if "model_weights" in file else file
            names, arrays, others = _prednet_layer(path, file, root, len(expected))
            backend = _text(root.attrs.get("backend", "tensorflow"))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: not a Keras 2 weights file: {reason}") from None
    found = dict(zip(expected, (array.shape for array in arrays), strict=True))
    check_fit(path.name, found, expected, "model.channels, model.cell.kernel and the frame")
    theano = kernels == "theano" or (kernels == "auto" and backend == "theano")
    weights = []
    for name, theirs, array in zip(expected, names, arrays, strict=True):
        unit = name.split("/")[0]
        if "layer_" in theirs and unit not in theirs:  # older files have names that say nothing
            raise WeightsError(f"{path.name}: expected {name} in its place, got {theirs}")
        if not np.isfinite(array).all():
            raise WeightsError(f"{path.name}: {theirs} holds values that are not finite")
        turned = array[::-1, ::-1].copy() if theano and array.ndim == 4 else array
        weights.append((theirs, name, turned))
    return PredNetFile(tuple(weights), others)


def _prednet_layer(
    path: Path, file: Any, root: Any, count: int
) -> tuple[list[str], list, dict[str, np.ndarray]]:
    """Find the PredNet, the layer with most weights: its names, its arrays, the others' arrays."""
    if "layer_names" not in root.attrs:
        raise WeightsError(f"{path}: not a Keras 2 weights file: it has no layer_names")
    layers = {}
    for layer in map(_text, root.attrs["layer_names"]):
        layers[layer] = [_text(name) for name in root[layer].attrs["weight_names"]]
    # the others are the frozen weights of the loss, two apiece
    layer = max(layers, key=lambda layer: len(layers[layer]), default=None)
    if layer is None or len(layers[layer]) != count:
        listed = ", ".join(f"{name} has {len(weights)}" for name, weights in layers.items())
        raise WeightsError(
            f"{path.name}: no layer has the network's {count} weights ({listed or 'no layers'}); "
            "decided by the number of model.channels"
        )
    arrays = {
        each: {name: _array(path, file, root[each], name) for name in names}
        for each, names in layers.items()
    }
    found = arrays.pop(layer)
    others = {name: array for each in arrays.values() for name, array in each.items()}
    return list(found), list(found.values()), others


def _array(path: Path, file: Any, group: Any, name: str) -> np.ndarray:
    """Read a data set of this very file; links to other files are not followed."""
    dataset = group[name]
    if dataset.file.filename != file.filename or dataset.external:
        raise WeightsError(f"{path.name}: {name} lies in another file, which is not read")
    return np.asarray(dataset[()], dtype=np.float32)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def released_names(core: Any) -> WeightNames:
    """Return every weight of a `PredNet` by its name in the program's files, in the order there."""
    named: WeightNames = {}
    for unit in ("a", "ahat", *GATES):
        for i, cell in enumerate(core.cells):
            layer = {"a": cell.conv_up, "ahat": cell.conv_prediction}.get(unit)
            layer = cell.conv_gates[unit] if unit in GATES else layer
            if layer:
                named[f"layer_{unit}_{i}/kernel"] = same(layer.kernel)
                named[f"layer_{unit}_{i}/bias"] = same(layer.bias)
    return named


class PredNetProgram(Program):
    """The original program, in Keras 2 on Theano or TensorFlow."""

    def __init__(self, core: Any):
        super().__init__(released_names(core))

    def everything(self, source: str, kernels: str = "auto") -> Source:
        """See `Program`."""
        file = read_prednet(Path(source), self.shapes, kernels)
        return Source(
            values={**{theirs: array for theirs, _, array in file.weights}, **file.others},
            names={theirs: self.names[released] for theirs, released, _ in file.weights},
            aside=dict.fromkeys(file.others, "of another layer"),
        )
