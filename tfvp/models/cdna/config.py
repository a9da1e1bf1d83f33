"""The section of CDNA, DNA and STP."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.sections import FrameDivisor, ModelSection, OddPositive, Positive


class CDNAConfig(ModelSection):
    """Pixels of the frame that was read are moved and composed by masks (Finn et al. 2016)."""

    network: Literal["cdna"] = "cdna"
    transform: Literal["cdna", "dna", "stp"] = Field(
        default="cdna",
        description="how pixels are moved; cdna: kernels of the clip; dna: a kernel of every "
        "pixel; stp: affine transformations",
    )
    kernel: OddPositive = Field(
        default=5,
        description="side of the kernels of cdna and dna, twice how far a pixel moves + 1",
    )
    masks: Positive = Field(
        default=10, description="masks beside that of the frame itself; of dna one"
    )
    heads: Literal["relu", "linear"] = Field(
        default="relu",
        description="what follows the 1x1 convolutions to new pixels, taps and masks; relu: as "
        "released, where new pixels are never darker than one half",
    )
    hidden: tuple[Positive, ...] = Field(
        default=(32, 32, 64, 64, 128, 64, 32),
        strict=False,
        min_length=7,
        max_length=7,
        description="channels of the seven ConvLSTM cells; the first convolution has the first's",
    )

    @property
    def clips_at_once(self) -> int:
        """Return 8."""
        return 8

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Return 8, which divides a frame whose size is halved three times without remainder."""
        return (FrameDivisor("model.network", 8, "cdna halves the frame three times"),)

    @model_validator(mode="after")
    def _masks_of_the_transform(self) -> "CDNAConfig":
        if (self.masks == 1) != (self.transform == "dna"):
            wanted = "1" if self.transform == "dna" else "at least 2"
            raise ValueError(
                f"model.masks: {self.transform} has {wanted}, got {self.masks}; see model.transform"
            )
        return self
