"""The sections of PredNet, of its layers and of their recurrent unit."""

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from tfvp.cells.config import CellSection, ConvLSTMCellConfig, STLSTMCellConfig
from tfvp.choices import chosen_by
from tfvp.sections import (
    FrameDivisor,
    ModelSection,
    OddPositive,
    Positive,
    Weight,
)


class ReleasedUnitConfig(CellSection):
    """PredNet's own recurrent unit: a ConvLSTM with Keras 2's hard sigmoid."""

    kind: Literal["released"] = "released"


PredNetUnitConfig = Annotated[
    Annotated[ReleasedUnitConfig, Tag("released")]
    | Annotated[ConvLSTMCellConfig, Tag("conv_lstm")]
    | Annotated[STLSTMCellConfig, Tag("st_lstm")],
    chosen_by("kind", "released", "conv_lstm", "st_lstm"),
]


class PredNetCellConfig(CellSection):
    """One layer of PredNet (Lotter et al. 2017)."""

    kind: Literal["prednet"] = "prednet"
    kernel: OddPositive = Field(default=3, description="side of the convolutions")
    unit: PredNetUnitConfig = Field(
        default=ReleasedUnitConfig(),
        description="the recurrent part; another than the released as in Dittrich 2020",
    )


class PredNetConfig(ModelSection):
    """PredNet: errors go up through the layers, predictions come down."""

    network: Literal["prednet"] = "prednet"
    cell: PredNetCellConfig = PredNetCellConfig()
    channels: tuple[Positive, ...] = Field(
        default=(48, 96, 192),
        strict=False,
        description="channels of each layer but the lowest, which has the frame's",
    )
    error_weights: tuple[Weight, ...] | None = Field(
        default=None,
        strict=False,
        description="of each layer's error in training.loss.network; null: the lowest layer's only",
    )
    late_feedback: bool = Field(
        default=True,
        description="true: past the truth it reads its prediction of the frame before, as the "
        "released program; false: of the frame itself",
    )

    @property
    def clips_at_once(self) -> int:
        """Return 4."""
        return 4

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Return a power of two, since every layer above the lowest halves the frame."""
        layers = len(self.channels)
        why = f"{layers} layers above the lowest halve the frame as often"
        return (FrameDivisor("model.channels", 2**layers, why),)

    @property
    def has_auxiliary_loss(self) -> bool:
        """Return True: its error units can be trained to be small."""
        return True

    @model_validator(mode="after")
    def _a_weight_a_layer(self) -> "PredNetConfig":
        layers = len(self.channels) + 1
        if self.error_weights is not None and len(self.error_weights) != layers:
            raise ValueError(
                f"model.error_weights: expected one for each of {layers} layers (the lowest and "
                f"model.channels), got {list(self.error_weights)}"
            )
        return self
