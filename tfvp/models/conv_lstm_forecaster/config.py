"""The section of Shi's encoder-forecaster."""

from typing import Literal

from pydantic import Field

from tfvp.cells.config import ConvLSTMCellConfig
from tfvp.sections import PatchedSection, Positive


class ConvLSTMForecasterConfig(PatchedSection):
    """Encoder and decoder of ConvLSTM cells (Shi et al. 2015); of the context: Wang 2017."""

    network: Literal["conv_lstm_forecaster"] = "conv_lstm_forecaster"
    cell: ConvLSTMCellConfig = ConvLSTMCellConfig(peephole="channel")
    hidden: tuple[Positive, ...] = Field(
        default=(128, 64, 64), strict=False, min_length=1, description="channels of each layer"
    )
    order: Literal["same", "reversed"] = Field(
        default="same",
        description="order of the forecaster's layers; the paper's counts allow both, its "
        "follow-up reverses it and calls that a change",
    )
    direction: Literal["future", "past"] = Field(
        default="future",
        description="past: it reconstructs the context, from its last frame to its first",
    )
    conditional: bool = Field(
        default=False, description="true: the decoder also reads the frame before, as it made it"
    )
    patch_px: Positive = Field(
        default=4, description="patch size: squares of this side are folded into channels"
    )

    @property
    def clips_at_once(self) -> int:
        """Return 8 at patches of 4x4 pixels."""
        return self.of_patches(8)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the one task that the direction of its decoder decides."""
        return ("prediction",) if self.direction == "future" else ("reconstruction",)

    @property
    def predicts_in_context(self) -> bool:
        """Return False: the encoder reads the whole context before a decoder predicts."""
        return False
