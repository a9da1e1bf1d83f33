"""The weights of the ConvLSTM with skips under the names of the released PyTorch program."""

from typing import Any

from tfvp.porting import torch_layout
from tfvp.porting.program import WeightNames
from tfvp.porting.torch_program import TorchProgram


def released_names(core: Any) -> WeightNames:
    """Return every weight of a `ConvLSTMSkip` by its name in the program's state dict."""
    named: WeightNames = {}
    for name, cell in core.cells.items():
        named |= torch_layout.conv_lstm(name, cell, core.hidden)
    for name, layer in core.outer.items():
        named |= torch_layout.convolution(f"{name}.0", layer)
    for name, layer in core.norms.items():
        named |= torch_layout.batch_norm(f"{name}.1", layer)
    return named


def released_program(core: Any) -> TorchProgram:
    """Return the released program of a `ConvLSTMSkip`."""
    return TorchProgram(released_names(core), torch_layout.counts_batches)
