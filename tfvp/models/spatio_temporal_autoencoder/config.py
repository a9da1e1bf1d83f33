"""The section of the spatio-temporal autoencoder."""

from typing import Literal

from pydantic import Field

from tfvp.cells.config import ConvLSTMCellConfig, RecurrentCellConfig
from tfvp.sections import FrameDivisor, ModelSection, Positive


class SpatioTemporalConfig(ModelSection):
    """Spatio-temporal video autoencoder: a frame moved along a flow (Patraucean et al. 2016)."""

    network: Literal["spatio_temporal"] = "spatio_temporal"
    cell: RecurrentCellConfig = ConvLSTMCellConfig(
        kernel=(7, 7), state_kernel=(7, 7), peephole="conv"
    )
    encoder: Positive = Field(default=32, description="channels of the map that is moved")
    hidden: Positive = Field(default=45, description="channels of the cell")
    flow_head: Literal["convolved", "scaled"] = Field(
        default="convolved",
        description="what follows the flow's two large convolutions; convolved: a 1x1 one that "
        "begins at zero, as Dittrich and Feist; scaled: a learned factor for rows and one for "
        "columns, which begin at 2 / side of the map, as Patraucean's program",
    )
    output: Literal["linear", "sigmoid"] = Field(
        default="linear", description="of the decoder; sigmoid: as Feist"
    )
    detach_sampled: bool = Field(
        default=False,
        description="true: as Dittrich's program, no gradient goes through the map that is moved",
    )

    @property
    def clips_at_once(self) -> int:
        """Return 4: a clip takes 4 % less time than in twos, and no less by more."""
        return 4

    @property
    def has_auxiliary_loss(self) -> bool:
        """Return whether it has one: how rough its flow is."""
        return True

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Its map has half the frame's size."""
        return (FrameDivisor("model.network", 2, "spatio_temporal halves the frame once"),)
