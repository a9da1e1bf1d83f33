"""What other programs call a network's weights, for tests that set them."""

from typing import Any

import keras

from tfvp.porting.program import WeightNames


def torch_names_of(network: Any) -> WeightNames:
    """Of a PyTorch program: name -> what takes from it."""
    return network.programs()["torch"].names


def variables_of(network: Any) -> dict[str, keras.Variable]:
    """Of the one program that a network or a core knows: name -> variable."""
    (program,) = network.programs().values()
    return program.variables
