"""The section of TAU with optical flow."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tfvp.models.tau.config import DivergenceSection
from tfvp.sections import (
    DataSection,
    Folder,
    OddPositive,
    Positive,
    PretrainedFile,
    Section,
)

LEAST_PX, MULTIPLE_PX = 64, 8  # of the pictures that the flow is estimated on


class FlowConfig(Section):
    """How the flow between the frames is estimated, and what becomes of it."""

    weights: Folder = Field(
        default=Path("weights/raft-small.npz"),
        description="RAFT-small's weights, which tfvp import makes of the released raft-small.pth; "
        "read when training begins, a run holds them from then on",
    )
    enlarge: Positive = Field(
        default=2, description="how many times a frame's sides are enlarged before the flow"
    )
    updates: Positive = Field(default=12, description="times that RAFT improves its flow")
    reduction: Literal["mean", "learned"] = Field(
        default="mean",
        description="how the flow comes back to the frame's size; mean: over squares, in quarters "
        "of a pixel; learned: by a convolution of this stride and a rectifier",
    )


class TAUFlowConfig(DivergenceSection):
    """TAU that reads the optical flow beside every frame (Colonna and Manganaro 2023)."""

    network: Literal["tau_flow"] = "tau_flow"
    flow: FlowConfig = FlowConfig()
    mlp_ratio: Annotated[float, Field(ge=1)] = Field(
        default=8.0, description="channels inside a block's MLP over those outside"
    )
    activation: Literal["gelu", "relu"] = Field(
        default="gelu", description="after the first convolution of every attention"
    )
    attention_kernel: OddPositive = Field(
        default=7, description="side of the attention's wide kernel, in steps of three pixels"
    )

    @property
    def pretrained_files(self) -> tuple[PretrainedFile, ...]:
        """Return the weights of RAFT, which are not ours to give."""
        source = (
            "raft-small.pth out of models.zip, whose address is in download_models.sh of "
            "https://github.com/princeton-vl/RAFT"
        )
        path = self.flow.weights
        return (PretrainedFile("flow", "model.flow.weights", path, source, "raft-small.pth"),)

    def check(self, data: DataSection, auxiliary_weight: float) -> None:
        """Check what TAU asks, and that pictures are large enough for RAFT."""
        super().check(data, auxiliary_weight)
        sides = [side * self.flow.enlarge for side in data.frame_px]
        if min(sides) < LEAST_PX or any(side % MULTIPLE_PX for side in sides):
            raise ValueError(
                f"model.flow.enlarge: RAFT wants pictures of at least {LEAST_PX} pixels a side and "
                f"of multiples of {MULTIPLE_PX}, got {sides[0]}x{sides[1]}"
            )
        if data.context_frames == 1:
            raise ValueError("data.context_frames: the flow needs two frames at least, got 1")
