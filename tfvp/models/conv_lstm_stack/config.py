"""The section of the ConvLSTM stack."""

from typing import Literal

from pydantic import Field

from tfvp.cells.config import ConvLSTMCellConfig
from tfvp.sections import PatchedSection, Positive


class ConvLSTMStackConfig(PatchedSection):
    """A stack of ConvLSTM cells that reads frames and then its own predictions."""

    network: Literal["conv_lstm_stack"] = "conv_lstm_stack"
    cell: ConvLSTMCellConfig = ConvLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(128, 64, 64), strict=False, min_length=1, description="channels of each layer"
    )
    readout: Literal["all_layers", "top_layer"] = Field(
        default="all_layers",
        description="what the 1x1 convolution to the frame sees: all layers side by side (Shi, "
        "Feist) or the last one (OpenSTL)",
    )
    output: Literal["sigmoid", "linear"] = Field(
        default="sigmoid", description="sigmoid: predictions stay in (0, 1)"
    )
    readout_bias: bool = Field(default=True, description="false: OpenSTL's readout has none")
    patch_px: Positive = Field(
        default=1, description="patch size: squares of this side are folded into channels"
    )

    @property
    def clips_at_once(self) -> int:
        """Return 8 at patches of 4x4 pixels."""
        return self.of_patches(8)
