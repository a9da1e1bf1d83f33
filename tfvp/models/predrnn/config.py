"""The section of PredRNN."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.cells.config import STLSTMCellConfig
from tfvp.sections import DataSection, PatchedSection, Positive


class PredRNNConfig(PatchedSection):
    """PredRNN: a stack of spatiotemporal LSTMs, one memory through all of them."""

    network: Literal["predrnn"] = "predrnn"
    cell: STLSTMCellConfig = STLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(128, 128, 128, 128),
        strict=False,
        min_length=1,
        description="channels of each layer, all equal",
    )
    decouple: bool = Field(
        default=False,
        description="PredRNN-V2: training.loss.network weighs the decoupling loss, how alike what "
        "the two states take in is",
    )
    patch_px: Positive = Field(
        default=4, description="patch size: squares of this side are folded into channels"
    )

    @property
    def clips_at_once(self) -> int:
        """Return 8 at patches of 4x4 pixels."""
        return self.of_patches(8)

    @property
    def has_auxiliary_loss(self) -> bool:
        """Return `decouple`: the adapter of the decoupling loss has weights only with it."""
        return self.decouple

    def check(self, data: DataSection, auxiliary_weight: float) -> None:
        """Raise ValueError for an adapter without the decoupling loss, which alone trains it."""
        if self.decouple and not auxiliary_weight:
            raise ValueError(
                "model.decouple: true adds weights that only training.loss.network trains, which "
                "is 0"
            )

    @model_validator(mode="after")
    def _memory_fits_every_layer(self) -> "PredRNNConfig":
        if len(set(self.hidden)) > 1:
            raise ValueError(
                "model.hidden: one memory goes through all layers of predrnn, so all widths must "
                f"be equal, got {list(self.hidden)}"
            )
        return self
