"""The section of the ConvLSTM with skips."""

from typing import Annotated, Literal

from pydantic import Field

from tfvp.cells.config import ConvLSTMCellConfig
from tfvp.sections import FrameDivisor, ModelSection, OddPositive


class ConvLSTMSkipConfig(ModelSection):
    """ConvLSTM layers between convolutions with skips (Colonna and Manganaro 2023)."""

    network: Literal["conv_lstm_skip"] = "conv_lstm_skip"
    cell: ConvLSTMCellConfig = ConvLSTMCellConfig()
    hidden: Annotated[int, Field(ge=2, multiple_of=2)] = Field(
        default=32, description="channels of the ConvLSTM layers; half of them outside"
    )
    kernel: OddPositive = Field(default=5, description="side of the outer convolutions")
    stride: Literal[1, 2] = Field(
        default=1, description="1: maps of the frame's size (the program); 2: half (its report)"
    )
    reads: Literal["context", "predictions"] = Field(
        default="context",
        description="what a step of the future reads, context: its frames once more (the program); "
        "predictions: the last frame, then its own (the report)",
    )

    @property
    def predicts_in_context(self) -> bool:
        """Return False: the encoder reads the whole context before a decoder predicts."""
        return False

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Return `stride`: the maps are halved and doubled again where it is 2."""
        return (FrameDivisor("model.stride", self.stride),)

    @property
    def batch_statistics(self) -> bool:
        """Return True: it has batch normalisation."""
        return True
