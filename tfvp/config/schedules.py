"""The sections of the learning rate's schedule."""

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from tfvp.choices import chosen_by
from tfvp.sections import NotNegative, Positive, Probability, Section

WarmupSteps = Annotated[
    NotNegative,
    Field(description="the learning rate rises linearly and is whole from this update on"),
]


class ConstantRateConfig(Section):
    """The optimizer's learning rate, perhaps after a warm-up."""

    kind: Literal["constant"] = "constant"
    warmup_steps: WarmupSteps = 0


class StepRateConfig(Section):
    """The learning rate is multiplied by `factor` now and then."""

    kind: Literal["step"] = "step"
    factor: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1, description="the learning rate is multiplied by this"
    )
    every: Positive | None = Field(default=None, description="after every so many updates")
    at: tuple[Positive, ...] = Field(
        default=(), strict=False, description="after each of these updates"
    )
    warmup_steps: WarmupSteps = 0

    @model_validator(mode="after")
    def _sometime(self) -> "StepRateConfig":
        if self.every is None and not self.at:
            raise ValueError(
                "training.schedule: kind step needs every or at, after how many updates the "
                "learning rate falls"
            )
        return self


class CosineRateConfig(Section):
    """The learning rate falls along half a cosine from the warm-up to `training.steps`."""

    kind: Literal["cosine"] = "cosine"
    final: Probability = Field(default=0.0, description="share of the learning rate at the end")
    warmup_steps: WarmupSteps = 0


class OneCycleConfig(Section):
    """One rise and fall over `training.steps`, as PyTorch's OneCycleLR with cosines.

    The optimizer's learning rate is the highest.
    """

    kind: Literal["one_cycle"] = "one_cycle"
    pct_start: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.3, description="share of the updates in which it rises"
    )
    div_factor: Annotated[float, Field(ge=1)] = Field(
        default=25.0, description="the highest rate over the first"
    )
    final_div_factor: Annotated[float, Field(ge=1)] = Field(
        default=1e4, description="the first rate over the last"
    )
    cycle_momentum: bool = Field(
        default=True, description="momentum (beta_1 of Adam) falls while the rate rises"
    )
    base_momentum: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.85, description="momentum where the learning rate is highest"
    )
    max_momentum: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.95, description="momentum at the start and at the end"
    )


ScheduleConfig = Annotated[
    Annotated[ConstantRateConfig, Tag("constant")]
    | Annotated[StepRateConfig, Tag("step")]
    | Annotated[CosineRateConfig, Tag("cosine")]
    | Annotated[OneCycleConfig, Tag("one_cycle")],
    chosen_by("kind", "constant", "step", "cosine", "one_cycle"),
]
