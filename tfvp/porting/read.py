"""What another program's file holds for a network, whichever program and format it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfvp.errors import WeightsError
from tfvp.models.e3d_lstm.network import EideticStack
from tfvp.models.prednet.network import PredNet
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.predrnn_pp.weights import every_weight
from tfvp.porting.keras2_hdf5 import is_keras2, read_prednet
from tfvp.porting.tf1_checkpoint import TF1Checkpoint
from tfvp.porting.torch_layout import TorchNames, same
from tfvp.porting.torch_state import read_torch_state
from tfvp.training.initialise import is_tf1_checkpoint


@dataclass(frozen=True)
class Source:
    """A file, read.

    Args:
        values: original name -> array, of everything in it that could be a weight.
        names: original name -> what takes from it, of every weight of the network.
        aside: names of `values` that need no counterpart -> why.
    """

    values: Mapping[str, np.ndarray]
    names: TorchNames
    aside: Mapping[str, str] = field(default_factory=dict)


def read_source(core: Any, source: str, kernels: str = "auto") -> Source:
    """Read the prefix of a TF1 checkpoint, a Keras 2 file (`.hdf5`, `.h5`) or a PyTorch file.

    Args:
        core: the network's core, which knows the other program's names.
        source: where it lies.
        kernels: of a Keras 2 file, see `read_prednet`.

    Raises:
        WeightsError: it cannot be read, or no program that writes such files is known for the core.
    """
    if is_tf1_checkpoint(source):
        return _of_tf1(core, source)
    if is_keras2(source):
        return _of_keras2(core, source, kernels)
    return _of_torch(core, source)


def _of_tf1(core: Any, source: str) -> Source:
    if isinstance(core, EideticStack):
        values = TF1Checkpoint(source).every_weight()
    elif isinstance(core, PredRNNPP):
        values = every_weight(source)
    else:
        raise WeightsError(f"{source}: no TF1 program is known for this network")
    return Source(values, {name: same(ours) for name, ours in core.released_names().items()})


def _of_keras2(core: Any, source: str, kernels: str) -> Source:
    if not isinstance(core, PredNet):
        raise WeightsError(f"{source}: no Keras 2 program is known for this network")
    ours = core.released_names()
    file = read_prednet(
        Path(source), {name: tuple(weight.shape) for name, weight in ours.items()}, kernels
    )
    return Source(
        values={**{theirs: array for theirs, _, array in file.weights}, **file.others},
        names={theirs: same(ours[released]) for theirs, released, _ in file.weights},
        aside=dict.fromkeys(file.others, "of another layer"),
    )


def _of_torch(core: Any, source: str) -> Source:
    values = read_torch_state(source)
    if not hasattr(core, "torch_names"):
        raise WeightsError(f"{source}: no PyTorch program is known for this network")
    names = core.torch_names()
    prefix = _prefix(values, names)
    aside = {
        name: "not used by its program"
        for name in values
        if name.startswith(prefix) and core.unused_torch_name(name.removeprefix(prefix))
    }
    outside = [name for name in values if not name.startswith(prefix)]
    return Source(
        values,
        {prefix + name: takers for name, takers in names.items()},
        {**aside, **dict.fromkeys(outside, f"not among {prefix}…")},
    )


def _prefix(found: Iterable[str], expected: Iterable[str]) -> str:
    """What stands before most of the names: the state dict's place among others in the file."""
    found, expected = set(found), list(expected)
    prefixes = {
        name.removesuffix(wanted)
        for wanted in expected
        for name in found
        if name.endswith(f".{wanted}")
    }

    def matches(prefix: str) -> int:
        return sum(prefix + name in found for name in expected)

    return max(["", *sorted(prefixes)], key=matches)
