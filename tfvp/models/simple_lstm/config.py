"""The section of SimpleLSTM."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.sections import ModelSection, Positive


class SimpleLSTMConfig(ModelSection):
    """A dense encoder, an LSTM that reads its own output, a dense decoder (Colonna 2023)."""

    network: Literal["simple_lstm"] = "simple_lstm"
    encoder: tuple[Positive, ...] = Field(
        default=(2048, 1024),
        strict=False,
        min_length=1,
        description="units of each dense layer; the last as many as the LSTM's",
    )
    decoder: tuple[Positive, ...] = Field(
        default=(2048,), strict=False, description="units of each dense layer but the last"
    )
    bidirectional: bool = Field(
        default=False,
        description="true: two LSTMs of half the width side by side, as the program had earlier",
    )

    @property
    def clips_at_once(self) -> int:
        """Return 16: its weights, not its clips, are what an update reads."""
        return 16

    @property
    def predicts_in_context(self) -> bool:
        """Return False: the encoder reads the whole context before a decoder predicts."""
        return False

    @model_validator(mode="after")
    def _halves(self) -> "SimpleLSTMConfig":
        if self.bidirectional and self.encoder[-1] % 2:
            raise ValueError(
                "model.encoder: a bidirectional LSTM needs an even number of units in the last "
                f"layer, got {self.encoder[-1]}"
            )
        return self
