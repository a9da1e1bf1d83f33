"""The section of the Video Pixel Network."""

from typing import Any, Literal

from pydantic import Field, model_validator

from tfvp.cells.config import ConvLSTMCellConfig
from tfvp.sections import ModelSection, OddPositive, Positive

MODES = {
    "zero_frame": "frames predicted at once, a black frame before the decoder",
    "pixels": "frames predicted pixel by pixel",
    "teacher": "likelihood: the true frames, and the true pixels before each pixel, are given",
}


class VPNConfig(ModelSection):
    """Video Pixel Network: a decoder that also sees the pixels before each pixel."""

    network: Literal["vpn"] = "vpn"
    block: Literal["multiplicative", "relu"] = Field(
        default="multiplicative",
        description="residual blocks: two multiplicative units, or ReLU and one 3x3 convolution",
    )
    channels: int = Field(
        default=256, ge=2, multiple_of=2, description="between blocks; half as many inside"
    )
    encoder_kernel: OddPositive = Field(default=1, description="side of the first convolution")
    encoder_dilations: tuple[Positive, ...] = Field(
        default=(1, 2, 4, 8, 1, 2, 4, 8),
        strict=False,
        description="one for each block of the encoder, of its 3x3 convolutions",
    )
    cell: ConvLSTMCellConfig = ConvLSTMCellConfig(kernel=(3, 3), state_kernel=(3, 3))
    unit_forget_bias: bool = Field(
        default=True, description="start the cell's forget bias at 1 instead of 0"
    )
    context_kernel: OddPositive | None = Field(
        default=None,
        description="side of a convolution of the cell's output before the decoder; null: none",
    )
    decoder_blocks: Positive = Field(default=12, description="residual blocks of the decoder")
    top: tuple[Positive, ...] = Field(
        default=(768,), strict=False, description="channels of the 1x1 convolutions before the last"
    )
    training_frame: Literal["true", "zero_and_true", "none"] = Field(
        default="true",
        description="what the decoder sees of the frame to predict in training: its true pixels "
        "before each; a black frame, and the true pixels in a second pass that "
        "training.loss.network weighs; none: it never sees any (VPN Baseline)",
    )
    sampling: Literal["teacher", "zero_frame", "pixels"] = Field(
        default="teacher",
        description="how it is measured: teacher: each pixel from the true ones before it, with "
        "predictions pixel by pixel where there is no truth; zero_frame: whole frames at once; "
        "pixels: pixel by pixel, one decoder pass for each",
    )

    @model_validator(mode="after")
    def _has_pixels_to_sample(self) -> "VPNConfig":
        if self.training_frame == "none" and self.sampling != "zero_frame":
            raise ValueError(
                "model.sampling: with model.training_frame none the decoder sees no pixels, so it "
                f"must be zero_frame, got {self.sampling}"
            )
        return self

    def settings(self) -> dict[str, Any]:
        """Return the arguments of the network's core."""
        return {
            **self.model_dump(exclude={"network", "cell", "unit_forget_bias"}),
            "cell": {**self.cell.settings(), "unit_forget_bias": self.unit_forget_bias},
        }

    @property
    def has_auxiliary_loss(self) -> bool:
        """Return whether a second pass that sees the true pixels adds its cross entropy."""
        return self.training_frame == "zero_and_true"

    @property
    def predicts_in_context(self) -> bool:
        """Return False: only the future is decoded."""
        return False

    @property
    def measured_with_true_pixels(self) -> bool:
        """Return whether the mode is teacher."""
        return self.sampling == "teacher"

    @property
    def prediction_note(self) -> str:
        """Return the mode in words; a decoder that sees no pixels has none."""
        return "" if self.training_frame == "none" else MODES[self.sampling]

    @property
    def prediction_keys(self) -> tuple[str, ...]:
        """Return the mode's key, since another mode needs no other weights."""
        return ("sampling",)
