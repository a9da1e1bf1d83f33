"""The names that other programs have for the weights of TAU with flow, and of RAFT-small."""

from typing import Any

from tfvp.layers.raft import RAFTSmall
from tfvp.models.simvp.weights import openstl_names
from tfvp.porting import torch_layout
from tfvp.porting.program import WeightNames

# What OpenSTL has and github Silver0x10/VideoPrediction_MovingMNIST not; the longer ones first.
_SHORTER = {
    ".conv.conv": ".conv",
    ".conv.norm": ".norm",
    ".block": "",
    ".spatial_gating_unit": "",
    "dwconv.dwconv": "dwconv",
}
_PARTS = {
    "convz": "gru",
    "convr": "gru",
    "convq": "gru",
    "flow1": "flow_head",
    "flow2": "flow_head",
}


def released_names(core: Any) -> WeightNames:
    """Return every weight of a `TAUFlow` but RAFT's, by its name in the program's state dict."""
    names: WeightNames = {}
    for name, takers in openstl_names(core).items():
        for long, short in _SHORTER.items():
            name = name.replace(long, short)
        names[name] = takers
    if core.reducing:
        names |= torch_layout.convolution("flow_estimator.conv", core.reducing)
    return names


def raft_names(raft: RAFTSmall) -> WeightNames:
    """Return every weight of RAFT-small by its name in raft-small.pth of princeton-vl/RAFT."""
    names: WeightNames = {}
    for net, encoder in (("fnet", raft.features), ("cnet", raft.context)):
        names |= torch_layout.convolution(f"{net}.conv1", encoder.first)
        for block in encoder.blocks:
            name = f"{net}.{block.name.replace('_', '.')}"
            for conv in block.convs:
                names |= torch_layout.convolution(f"{name}.{conv.name}", conv)
            if block.shortcut:
                names |= torch_layout.convolution(f"{name}.downsample.0", block.shortcut)
        names |= torch_layout.convolution(f"{net}.conv2", encoder.last)
    for name, conv in raft.update.convs.items():
        part = _PARTS.get(name, "encoder")
        original = f"update_block.{part}.{name.replace('flow', 'conv')}"
        names |= torch_layout.convolution(original, conv)
    return names
