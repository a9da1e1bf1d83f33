"""The weights of SimVP and TAU under the names of OpenSTL's state dicts."""

from typing import Any

from tfvp.layers.inception_translator import InceptionTranslator
from tfvp.porting import torch_layout
from tfvp.porting.program import WeightNames


def openstl_names(core: Any) -> WeightNames:
    """Return every weight of a `TranslatorCore`, by its name in the program's state dict."""
    names = _frames("enc.enc", core.encoder) | _frames("dec.dec", core.decoder)
    names |= torch_layout.convolution("dec.readout", core.decoder.readout)
    if isinstance(core.translator, InceptionTranslator):
        return names | _inception(core.translator)
    return names | _attention(core.translator)


def _frames(name: str, coder: Any) -> WeightNames:
    """Name the blocks of an encoder or decoder, with the shuffle of one that doubles a map."""
    names: WeightNames = {}
    for i, block in enumerate(coder.blocks):
        conv = f"{name}.{i}.conv.conv{'.0' if block.sampling == 'up' else ''}"
        names |= torch_layout.convolution(conv, block.conv)
        names |= torch_layout.group_norm(f"{name}.{i}.conv.norm", block.norm)
    return names


def _attention(translator: Any) -> WeightNames:
    names: WeightNames = {}
    for i, block in enumerate(translator.blocks):
        names |= _attention_block(f"hid.enc.{i}.block", block)
    for i, layer in translator.reductions.items():
        names |= torch_layout.convolution(f"hid.enc.{i}.reduction", layer)
    return names


def _attention_block(name: str, block: Any) -> WeightNames:
    """Name the weights of an `AttentionBlock`."""
    gate, attention = f"{name}.attn.spatial_gating_unit", block.attention
    names: WeightNames = {
        f"{name}.layer_scale_{i}": torch_layout.same(scale)
        for i, scale in enumerate(block.scales, 1)
    }
    for i, norm in enumerate(block.norms, 1):
        names |= torch_layout.batch_norm(f"{name}.norm{i}", norm)
    names |= torch_layout.convolution(f"{name}.attn.proj_1", attention.proj_1)
    names |= torch_layout.depthwise(f"{gate}.conv0", attention.near)
    names |= torch_layout.depthwise(f"{gate}.conv_spatial", attention.far)
    names |= torch_layout.convolution(f"{gate}.conv1", attention.mix)
    if attention.gate == "temporal":
        for i, layer in ((0, attention.squeeze), (2, attention.excite)):
            names[f"{gate}.fc.{i}.weight"] = ((layer.kernel, torch_layout.matrix),)
    names |= torch_layout.convolution(f"{name}.attn.proj_2", attention.proj_2)
    names |= torch_layout.convolution(f"{name}.mlp.fc1", block.mlp.fc1)
    names |= torch_layout.depthwise(f"{name}.mlp.dwconv.dwconv", block.mlp.near)
    return names | torch_layout.convolution(f"{name}.mlp.fc2", block.mlp.fc2)


def _inception(translator: Any) -> WeightNames:
    names: WeightNames = {}
    for side, units in (("enc", translator.down), ("dec", translator.up)):
        for i, unit in enumerate(units):
            names |= torch_layout.convolution(f"hid.{side}.{i}.conv1", unit.first)
            for j, (conv, norm) in enumerate(zip(unit.convs, unit.norms, strict=True)):
                layer = f"hid.{side}.{i}.layers.{j}"
                names |= torch_layout.convolution(f"{layer}.conv", conv)
                names |= torch_layout.group_norm(f"{layer}.norm", norm)
    return names
