"""The evaluation section."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from tfvp.sections import NotNegative, Positive, Section

MetricName = Literal[
    "mse",
    "mae",
    "ssim_thesis",
    "ssim_range1",
    "ssim_uint8",
    "ssim_gaussian",
    "psnr_uint8",
    "psnr_float",
    "cross_entropy",
]


METRIC_PRESETS: dict[str, tuple[MetricName, ...]] = {
    "thesis": ("mse", "mae", "ssim_thesis", "psnr_uint8"),  # Tan 2019
    "literature": (  # every definition that a published table uses
        "mse",
        "mae",
        "ssim_thesis",
        "ssim_uint8",
        "psnr_uint8",
        "psnr_float",
        "cross_entropy",
    ),
    "pixels": ("mse", "mae", "psnr_float", "cross_entropy"),  # for frames below a window's size
    "all": get_args(MetricName),
}


def _metric_names(value: Any) -> Any:
    """Replace the name of a preset by its metrics; return anything else as it is."""
    if isinstance(value, str) and value not in METRIC_PRESETS:
        raise PydanticCustomError(
            "metrics",
            "Input should be a list of metrics, or one of {presets}",
            {"presets": ", ".join(METRIC_PRESETS)},
        )
    return METRIC_PRESETS[value] if isinstance(value, str) else value


class EvaluationConfig(Section):
    """The settings of the evaluation, which measures the test split once after training."""

    task: Literal["prediction", "reconstruction"] = Field(
        default="prediction",
        description="reconstruction: of the context, by networks that decode it; validation "
        "measures it too",
    )
    metrics: Annotated[
        tuple[MetricName, ...],
        Field(
            strict=False,
            min_length=1,
            description="names, or a preset: thesis, literature, pixels, all",
        ),
        BeforeValidator(_metric_names),
    ] = METRIC_PRESETS["thesis"]
    batch: Positive = Field(default=16, description="clips predicted at once")
    sequences: Positive | None = Field(
        default=None, description="first clips of the test split; null: all"
    )
    checkpoint: Literal["best", "last"] = Field(
        default="best", description="best: of the lowest validation error; last: the newest"
    )
    weights: Literal["raw", "averaged"] = Field(
        default="raw",
        description="averaged: the exponential average (the released code never used it)",
    )
    samples: NotNegative = Field(default=5, description="clips drawn as filmstrips and GIFs")
    clips: tuple[NotNegative, ...] | None = Field(
        default=None,
        strict=False,
        description="which clips of the test split to draw, by their index from 0; null: samples "
        "of them, the median, the worst, the best and the first",
    )

    def check_clips(self, available: int) -> None:
        """Raise ValueError if `clips` names one that is not measured.

        Args:
            available: the number of clips in the test split.
        """
        measured = min(self.sequences or available, available)
        beyond = [clip for clip in self.clips or () if clip >= measured]
        if beyond:
            raise ValueError(
                f"evaluation.clips: {beyond[0]} is beyond the last of {measured} measured clips, "
                f"{measured - 1}; name others, or null"
            )
