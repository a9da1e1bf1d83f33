"""Our own safetensors files, read as those of other programs are: every name is accounted for."""

from collections.abc import Mapping

import numpy as np

from tfvp.porting.program import Program, Source, TakesWeights
from tfvp.porting.safetensors import read_safetensors


class OwnProgram(Program):
    """tfvp, whose files name each weight by the path of its variable.

    Args:
        network: the network that takes the weights.
    """

    def __init__(self, network: TakesWeights):
        super().__init__({weight.path: ((weight, np.asarray),) for weight in network.weights})

    def everything(self, source: str, kernels: str = "auto") -> Source:
        """See `Program`."""
        del kernels
        return Source(read_safetensors(source), self.names)


def programs_of(network: TakesWeights) -> Mapping[str, Program]:
    """Return the programs whose files a network can take, tfvp itself among them."""
    return {**network.programs(), "tfvp": OwnProgram(network)}
