"""The sections of scheduled sampling: when the true frame is fed."""

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from tfvp.choices import chosen_by
from tfvp.sections import NotNegative, Positive, Probability, Section, Weight


class ScheduledSampling(Section):
    """A kind of scheduled sampling."""

    @property
    def exact_share(self) -> bool:
        """Return whether an exact share of a batch's clips is fed the truth, not each by chance."""
        return False


class LinearSamplingConfig(ScheduledSampling):
    """Scheduled sampling: the true frame is fed with probability start - decay_per_step * step."""

    kind: Literal["linear"] = "linear"
    start: Probability = Field(
        default=1.0, description="probability of feeding the true frame at the first step"
    )
    decay_per_step: Weight = Field(default=2e-5, description="by how much it falls each step")
    stop_step: NotNegative = Field(
        default=50_000, description="from this step on the model only sees its own predictions"
    )


class ReverseSamplingConfig(ScheduledSampling):
    """Reverse scheduled sampling of PredRNN-V2: its own predictions in the context at first, too.

    Until first_step a true frame is fed with probability 0.5 everywhere after the first frame. Then
    it nears 1 in the context, 1 - 0.5 exp(-(step - first_step) / time_constant), and falls to 0 in
    the future, along a line; from last_step on it is 1 and 0.
    """

    kind: Literal["reverse"] = "reverse"
    first_step: NotNegative = Field(
        default=25_000, description="until this step the probability of a true frame is one half"
    )
    last_step: Positive = Field(
        default=50_000,
        description="from this step on the context is true and the future is predicted",
    )
    time_constant: Annotated[float, Field(gt=0)] = Field(default=2_500.0, description="in steps")

    @model_validator(mode="after")
    def _in_order(self) -> "ReverseSamplingConfig":
        if self.first_step >= self.last_step:
            raise ValueError(
                f"training.scheduled_sampling.first_step: {self.first_step} must come before "
                f"last_step {self.last_step}"
            )
        return self


class InverseSigmoidSamplingConfig(ScheduledSampling):
    """Scheduled sampling of Finn et al. 2016: an exact number of clips is fed the true frame.

    With p = k / (k + exp(updates / k)) and B clips in the global batch it is round(B p) clips, a
    half to the even number, drawn anew at every frame of the future.
    """

    kind: Literal["inverse_sigmoid"] = "inverse_sigmoid"
    k: Annotated[float, Field(gt=0)] = Field(
        default=900.0, description="in updates; p is one half after k ln k of them"
    )

    @property
    def exact_share(self) -> bool:
        """Return True: the number of clips is exact."""
        return True


SamplingConfig = Annotated[
    Annotated[LinearSamplingConfig, Tag("linear")]
    | Annotated[ReverseSamplingConfig, Tag("reverse")]
    | Annotated[InverseSigmoidSamplingConfig, Tag("inverse_sigmoid")],
    chosen_by("kind", "linear", "reverse", "inverse_sigmoid"),
]
