"""The section of E3D-LSTM."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.cells.config import EideticCellConfig
from tfvp.sections import PatchedSection, Positive


class EideticStackConfig(PatchedSection):
    """E3D-LSTM: a stack of Eidetic cells on windows of two frames folded into patches."""

    network: Literal["eidetic_stack"] = "eidetic_stack"
    cell: EideticCellConfig = EideticCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(64, 64, 64, 64), strict=False, min_length=1, description="channels of each layer"
    )
    wiring: Literal["plain", "residual", "residual_concat"] = Field(
        default="plain",
        description="residual: every pair of layers hands on its sum; residual_concat: its two "
        "outputs side by side",
    )
    patch_px: Positive = Field(
        default=4, description="patch size: squares of this side are folded into channels"
    )

    @model_validator(mode="after")
    def _memory_fits_every_layer(self) -> "EideticStackConfig":
        if self.cell.carry_memory and len(set(self.hidden)) > 1:
            raise ValueError(
                "model.cell.carry_memory: true hands one memory through all layers, so all of "
                f"model.hidden must be equal, got {list(self.hidden)}"
            )
        return self

    @model_validator(mode="after")
    def _pairs(self) -> "EideticStackConfig":
        if self.wiring != "plain" and len(self.hidden) % 2:
            raise ValueError(
                f"model.wiring: {self.wiring} joins pairs of layers and needs an even number of "
                f"them, got {len(self.hidden)} in model.hidden; set model.wiring: plain or add a "
                "layer"
            )
        if self.wiring == "residual" and len(set(self.hidden)) > 1:
            raise ValueError(
                "model.wiring: residual adds the outputs of two layers, so all of model.hidden "
                f"must be equal, got {list(self.hidden)}; set model.wiring: residual_concat or "
                "equal widths"
            )
        return self
