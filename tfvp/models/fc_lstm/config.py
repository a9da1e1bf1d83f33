"""The section of the fully connected LSTM autoencoder."""

from typing import Literal

from pydantic import Field, model_validator

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
    future: DecoderKind = Field(
        default="conditional",
        description="decoder of the future; conditional: it also reads the frame before",
    )
    past_reads: Literal["truth", "own"] = Field(
        default="truth",
        description="what a conditional decoder of the context reads when its reconstruction is "
        "measured; truth: true frames, as the released program; own: the frame before that it "
        "made, as the papers say",
    )
    output: Literal["sigmoid", "linear"] = Field(
        default="sigmoid", description="linear: for real-valued frames with a squared error"
    )

    @model_validator(mode="after")
    def _decodes_something(self) -> "FCLSTMConfig":
        if not self.tasks:
            raise ValueError(
                "model.reconstruction, model.future: both are none, so there is nothing to learn"
            )
        return self

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return a task for each decoder."""
        kinds = {"prediction": self.future, "reconstruction": self.reconstruction}
        return tuple(task for task, kind in kinds.items() if kind != "none")

    @property
    def prediction_keys(self) -> tuple[str, ...]:
        """Return the keys of what it reads when a reconstruction is measured."""
        return ("past_reads",)

    @property
    def clips_at_once(self) -> int:
        """Return 8: its weights, not its clips, are what an update reads."""
        return 8

    @property
    def predicts_in_context(self) -> bool:
        """Its encoder reads the whole context before a decoder predicts."""
        return False
