"""The section of augmentation: how training clips are changed at random."""

from typing import Literal

from pydantic import Field

from tfvp.sections import Probability, Section, Weight

Flip = Literal["left_right", "up_down", "time"]


class AugmentationConfig(Section):
    """Random changes of every training clip, all frames of a clip alike.

    They are drawn anew for every update and never made in validation or evaluation.
    """

    flip: tuple[Flip, ...] = Field(
        default=(),
        strict=False,
        description="each with probability 0.5: left_right mirrors columns, up_down rows, time "
        "puts the last frame first",
    )
    blend: Probability = Field(
        default=0.0,
        description="probability that a still frame of another training clip, flipped as above, "
        "is blended in by a weight between 0 and 1: another background, which must stay",
    )
    contrast: Weight = Field(
        default=0.0,
        description="distances from the clip's mean are multiplied by a factor between "
        "1 / (1 + contrast) and 1 + contrast, log-uniform; 0: they stay",
    )
    brightness: Probability = Field(
        default=0.0,
        description="a number between -brightness and brightness is added to every value in "
        "[0, 1], what leaves that range is cut off; 0: they stay",
    )
