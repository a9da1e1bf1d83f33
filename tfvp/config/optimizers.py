"""The sections of optimizers and of what is done to a gradient before them."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from tfvp.choices import chosen_by
from tfvp.sections import Section, Weight

LearningRate = Annotated[
    float, Field(gt=0, description="step size, before training.schedule changes it")
]
Decay = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[Decay, Field(description="share of the last update that is added to the next")]
Beta1 = Annotated[
    Decay, Field(description="decay rate of the first moment, the gradient's running mean")
]
Beta2 = Annotated[
    Decay, Field(description="decay rate of the second moment, the running mean of its square")
]
Epsilon = Annotated[float, Field(gt=0, description="keeps the division by the root finite")]


class AdamTF1Config(Section):
    """Adam as the E3D-LSTM program wrote it: epsilon inside the square root."""

    kind: Literal["adam_tf1"] = "adam_tf1"
    learning_rate: LearningRate = 1e-3
    beta_1: Beta1 = 0.95
    beta_2: Beta2 = 0.9995
    epsilon: Epsilon = 1e-8


class AdamSettings(Section):
    """The keys that Adam and AdamW share."""

    learning_rate: LearningRate = 1e-3
    beta_1: Beta1 = 0.9
    beta_2: Beta2 = 0.999
    epsilon: Epsilon = 1e-8


class AdamConfig(AdamSettings):
    """Adam as Keras has it: epsilon outside the square root."""

    kind: Literal["adam"] = "adam"


class AdamWConfig(AdamSettings):
    """Adam whose weights also shrink by learning_rate * weight_decay, biases too, as PyTorch's."""

    kind: Literal["adamw"] = "adamw"
    weight_decay: Weight = Field(
        default=1e-2, description="share, times the learning rate, that a weight loses each update"
    )


class RMSPropConfig(Section):
    """RMSProp: the gradient over the root of the running mean of its square."""

    kind: Literal["rmsprop"] = "rmsprop"
    variant: Literal["keras", "tf1", "torch"] = Field(
        default="keras",
        description="tf1: TensorFlow 1's, whose running mean starts at 1 instead of 0, so that the "
        "first updates are small; its program's epsilon is 1e-10; torch: Torch's, which adds "
        "epsilon to the root and not inside it; its program's decay is 0.99, its epsilon 1e-8",
    )
    learning_rate: LearningRate = 1e-3
    decay: Beta2 = 0.9
    epsilon: Epsilon = 1e-7


class ClippedMomentumConfig(Section):
    """Momentum whose every update is clipped, as the program of Srivastava et al. 2015 trains."""

    kind: Literal["clipped_momentum"] = "clipped_momentum"
    learning_rate: LearningRate = 1e-4
    momentum: Momentum = 0.9
    clip: Annotated[float, Field(gt=0)] = Field(
        default=1e-4, description="largest change of a weight in one update"
    )
    weight_decay: Weight = Field(default=1e-4, description="not of biases")


class MuonConfig(Section):
    """Muon: kernels move alike in every direction; vectors are trained with Adam.

    It learns in fewer updates than Adam where these are few (Jordan et al. 2024); none of the
    documents has it.
    """

    kind: Literal["muon"] = "muon"
    learning_rate: LearningRate = 1e-3
    momentum: Annotated[Decay, Field(description="share of a kernel's last update in the next")] = (
        0.95
    )
    beta_1: Beta1 = 0.9
    beta_2: Beta2 = 0.999
    epsilon: Epsilon = 1e-7


OptimizerConfig = Annotated[
    Annotated[AdamTF1Config, Tag("adam_tf1")]
    | Annotated[AdamConfig, Tag("adam")]
    | Annotated[AdamWConfig, Tag("adamw")]
    | Annotated[RMSPropConfig, Tag("rmsprop")]
    | Annotated[ClippedMomentumConfig, Tag("clipped_momentum")]
    | Annotated[MuonConfig, Tag("muon")],
    chosen_by("kind", "adam_tf1", "adam", "adamw", "rmsprop", "clipped_momentum", "muon"),
]


class GlobalNormClipConfig(Section):
    """All gradients are scaled down together where their common norm is larger."""

    kind: Literal["global_norm"] = "global_norm"
    norm: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="of the gradient of training.loss, a sum or a mean over clips"
    )


class ValueClipConfig(Section):
    """Every number of a gradient is cut to a range."""

    kind: Literal["value"] = "value"
    value: Annotated[float, Field(gt=0)] = Field(default=1.0, description="largest absolute value")


ClipConfig = Annotated[
    Annotated[GlobalNormClipConfig, Tag("global_norm")] | Annotated[ValueClipConfig, Tag("value")],
    chosen_by("kind", "global_norm", "value"),
]
