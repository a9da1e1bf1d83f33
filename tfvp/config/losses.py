"""The sections of the training loss."""

from typing import Annotated, Any, Literal

from pydantic import Field, Tag, model_validator

from tfvp.choices import chosen_by
from tfvp.sections import Section, Weight

LEAST_CLIP = 6e-8  # 1 minus less than this is 1 in float32


class LossSection(Section):
    """The keys of every loss; its own section says which `kind` it is."""

    kind: Any
    reduction: Literal["sum", "mean"] = Field(
        default="sum",
        description="mean: over clips and predicted values, so l2: 2 is the mean squared error",
    )
    frames: Literal["all", "future"] = Field(
        default="all",
        description="which predictions count; future: those after the context; all: also those in "
        "the context, where a network makes any",
    )
    network: Weight = Field(
        default=0.0,
        description="weight of the network's auxiliary loss, where it has one: what it measures of "
        "its errors, states or flow beside its predictions",
    )


class AbsoluteSquareLossConfig(LossSection):
    """`l2` * 0.5 * sum of squares + `l1` * sum of absolutes over all predicted frames."""

    kind: Literal["absolute_square"] = "absolute_square"
    l1: Weight = Field(default=1.0, description="weight of the sum of absolute errors")
    l2: Weight = Field(default=1.0, description="weight of half the sum of squared errors")

    @model_validator(mode="after")
    def _something(self) -> "AbsoluteSquareLossConfig":
        if self.l1 == 0 and self.l2 == 0 and self.network == 0:
            raise ValueError("training.loss: l1 and l2 are both 0, so nothing would be learned")
        return self


class CrossEntropyLossConfig(LossSection):
    """Sum of -t log p - (1 - t) log(1 - p) over all predicted frames; targets as they are."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    epsilon: Annotated[float, Field(ge=0, lt=0.1)] = Field(
        default=1e-10, description="added to what a logarithm is taken of"
    )
    clip: Annotated[float, Field(ge=0, lt=0.1)] = Field(
        default=0.0, description="predictions are first clipped to [clip, 1 - clip]"
    )

    @model_validator(mode="after")
    def _finite(self) -> "CrossEntropyLossConfig":
        if self.epsilon == 0 and self.clip < LEAST_CLIP:
            raise ValueError(
                "training.loss: without epsilon a prediction of 0 or 1 costs infinitely much; "
                f"expected a clip of at least {LEAST_CLIP}, got {self.clip}"
            )
        return self


LossConfig = Annotated[
    Annotated[AbsoluteSquareLossConfig, Tag("absolute_square")]
    | Annotated[CrossEntropyLossConfig, Tag("cross_entropy")],
    chosen_by("kind", "absolute_square", "cross_entropy"),
]
