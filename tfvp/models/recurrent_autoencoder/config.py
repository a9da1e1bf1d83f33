"""The section of the recurrent autoencoder."""

from typing import Literal

from pydantic import Field

from tfvp.cells.config import ConvLSTMCellConfig, RecurrentCellConfig
from tfvp.sections import ModelSection, Positive


class RecurrentAutoencoderConfig(ModelSection):
    """Autoencoder of recurrent cells alone, wider layer by layer, then back (Dittrich 2020)."""

    network: Literal["recurrent_autoencoder"] = "recurrent_autoencoder"
    cell: RecurrentCellConfig = ConvLSTMCellConfig(
        kernel=(3, 3), state_kernel=(3, 3), peephole="conv"
    )
    hidden: tuple[Positive, ...] = Field(
        default=(32, 64),
        strict=False,
        min_length=1,
        description="channels of the encoder's cells; the decoder's are the same",
    )
    remember: Literal["every_cell", "first_cell"] = Field(
        default="every_cell",
        description="which cells keep their state; first_cell: as the program, whose others start "
        "empty at every frame",
    )

    @property
    def clips_at_once(self) -> int:
        """Return 8."""
        return 8
