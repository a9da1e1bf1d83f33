"""What other programs call a network's weights, for tests that set them."""

from typing import Any

import keras

from tfvp.porting.program import WeightNames
from tfvp.porting.torch_layout import same, turned


def torch_names_of(network: Any) -> WeightNames:
    """Of a PyTorch program: name -> what takes from it."""
    return network.programs()["torch"].names


def variables_of(network: Any) -> dict[str, keras.Variable]:
    """Of the one program that a network or a core knows: name -> variable."""
    (program,) = network.programs().values()
    return program.variables


def lasagne_names_of(core: Any) -> WeightNames:
    """Of DFN's program, whose files nothing imports: name -> what takes from it."""
    names: WeightNames = {}
    for layer in [*core.convs.values(), *core.decoder]:
        names[f"{layer.name}/W"] = turned(layer.kernel)
        names[f"{layer.name}/b"] = same(layer.bias)
    return names


def frnn_names_of(core: Any) -> WeightNames:
    """Of FRNN's program, which counts its poolings as layers: name -> what takes from it."""
    names: WeightNames = {}
    for i, conv in enumerate(core.decoder):
        for name, variable in {"w": conv.kernel, "b1": conv.bias, "b2": conv.bias_down}.items():
            names[f"layer_{i}/{name}"] = same(variable)
    for i, unit in enumerate(core.units):
        layer = f"layer_{len(core.decoder) + i + i // 2 + 1}"
        for weights, suffix in ((unit.up_weights, ""), (unit.down_weights, "_back")):
            for k, (kernel, bias) in enumerate(weights, start=1):
                names[f"{layer}/w{k}{suffix}"] = same(kernel)
                names[f"{layer}/b{k}{suffix}"] = same(bias)
        names[f"{layer}/state_init"] = same(unit.first_state)
    return names
