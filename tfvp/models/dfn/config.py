"""The section of the dynamic filter network."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.sections import FrameDivisor, ModelSection, OddPositive, Positive


class DFNConfig(ModelSection):
    """Dynamic filter network: every place of the frame is filtered by weights of its own."""

    network: Literal["dfn"] = "dfn"
    width: Positive = Field(
        default=32,
        description="channels of the first feature maps; the deepest have four times as many",
    )
    kernel: OddPositive = Field(default=9, description="side of the filters, pixels")
    dynamic: bool = Field(
        default=True,
        description="false: the paper's baseline, whose last maps are convolved to the frame",
    )
    dynamic_bias: bool = Field(
        default=False, description="also predict what is added to every place before it is filtered"
    )
    refinement: bool = Field(
        default=False, description="four convolutions more correct the filtered frame"
    )

    @property
    def clips_at_once(self) -> int:
        """Return 4."""
        return 4

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Its state has half the frame's size."""
        return (FrameDivisor("model.network", 2, "dfn halves the frame once"),)

    @model_validator(mode="after")
    def _something_to_bias(self) -> "DFNConfig":
        if self.dynamic_bias and not self.dynamic:
            raise ValueError(
                "model.dynamic_bias: a network without dynamic filters has no dynamic bias; set "
                "it to false or model.dynamic to true"
            )
        return self
