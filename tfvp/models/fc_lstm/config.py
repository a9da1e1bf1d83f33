"""The section of the fully connected LSTM autoencoder."""

from typing import Literal

from pydantic import Field

from tfvp.cells.config import FCLSTMCellConfig
from tfvp.sections import ModelSection, Positive

DecoderKind = Literal["none", "unconditional", "conditional"]


class FCLSTMConfig(ModelSection):
    """LSTM encoder with decoders for the past, the future or both (Srivastava et al. 2015)."""

    network: Literal["fc_lstm"] = "fc_lstm"
    cell: FCLSTMCellConfig = FCLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(2048,), strict=False, min_length=1, description="units of each layer"
    )
    reconstruction: DecoderKind = Field(
        default="conditional", description="decoder of the context, last frame first"
    )
    future: Literal["unconditional", "conditional"] = Field(
        default="conditional",
        description="decoder of the future; conditional: it also reads the frame before",
    )
    output: Literal["sigmoid", "linear"] = Field(
        default="sigmoid", description="linear: for real-valued frames with a squared error"
    )

    @property
    def predicts_in_context(self) -> bool:
        """Its encoder reads the whole context before a decoder predicts."""
        return False
