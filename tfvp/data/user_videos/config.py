"""The data section of user videos."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfvp.sections import DataSection, Folder, NotNegative, Positive, SourceReading

Axes = Literal[
    "THW", "THWC", "NTHWC", "TCHW", "CTHW", "NTHW", "TNHW", "NTCHW", "NCTHW", "TNCHW", "TNHWC"
]  # fmt: skip
"""Orders of an array's axes; the first three are those in which tfvp writes them."""


class UserVideosData(DataSection):
    """A user's own videos, folders of frames or arrays, cut into clips."""

    dataset: Literal["clips"] = "clips"
    source: Folder | None = Field(
        default=None,
        description="folder of videos, frame folders, .npy or .npz; null: what tfvp data convert "
        "wrote into data.prepared",
    )
    channels: Literal[1, 3] = Field(default=1, description="1: gray, 3: colour")
    fit: Literal["resize", "pad"] = Field(
        default="resize",
        description="resize: scaled to data.frame_px, the ratio is not kept; pad: scaled to fit "
        "inside, the rest is black",
    )
    fps: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="frames a second that are taken, by the times at which they stand; null: all",
    )
    source_fps: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="frames a second that folders of images and arrays have"
    )
    axes: Axes | None = Field(
        default=None,
        description="order of an array's axes (N sources, T frames, C channels, H, W), e.g. TNHW; "
        "null: THW, THWC or NTHWC, and others are refused",
    )
    arrays: tuple[str, ...] = Field(
        default=(), strict=False, description="keys that are read of an .npz; []: all clips in it"
    )
    value_range: tuple[float, float] | None = Field(
        default=None,
        strict=False,
        description="values that become black and white (16 bits, depth, radar); null: 0-255 of "
        "bytes, 0-1 of floats",
    )
    nan: float | None = Field(
        default=None, description="value that stands in for NaN; null: NaN is refused"
    )
    stride: Positive | None = Field(
        default=None, description="frames between the starts of two clips; null: they meet"
    )
    split_by: Literal["source", "time"] = Field(
        default="source",
        description="source: a source belongs to one split; time: each is cut, its beginning "
        "trains and its end tests",
    )
    shares: tuple[NotNegative, NotNegative, NotNegative] | None = Field(
        default=None,
        strict=False,
        description="how much each of train, validation and test gets; null: folders of these "
        "names decide, and where there are none 8, 1, 1",
    )
    seed: NotNegative = Field(default=0, description="of which source goes where")
    allow_missing: bool = Field(
        default=False, description="use what can be read of damaged files, and leave out the rest"
    )

    @property
    def source_reading(self) -> SourceReading:
        """Return how these videos are read."""
        return SourceReading(self.fit, self.fps, self.source_fps, self.value_range, self.nan)

    @model_validator(mode="after")
    def _possible(self) -> "UserVideosData":
        if self.shares is not None and not any(self.shares):
            raise ValueError("data.shares: all are 0, so there would be no clips")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError("data.value_range: the first value must be below the second")
        return self
