"""The section of PredRNN++."""

from typing import Literal

from pydantic import Field

from tfvp.cells.config import CausalLSTMCellConfig
from tfvp.sections import PatchedSection, Positive


class PredRNNPPConfig(PatchedSection):
    """PredRNN++: causal LSTMs with a gradient highway unit above the first."""

    network: Literal["predrnn_pp"] = "predrnn_pp"
    cell: CausalLSTMCellConfig = CausalLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(128, 64, 64, 64), strict=False, min_length=2, description="channels of each layer"
    )
    patch_px: Positive = Field(
        default=4, description="patch size: squares of this side are folded into channels"
    )

    @property
    def clips_at_once(self) -> int:
        """Return 4 at patches of 4x4 pixels."""
        return self.of_patches(4)
