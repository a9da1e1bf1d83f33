"""The data section of user videos."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfvp.sections import DataSection, Folder, NotNegative, Positive


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
        default=None, description="frames a second that are taken of a video; null: all"
    )
    stride: Positive | None = Field(
        default=None, description="frames between the starts of two clips; null: they meet"
    )
    shares: tuple[NotNegative, NotNegative, NotNegative] = Field(
        default=(8, 1, 1),
        strict=False,
        description="how many of the sources each of train, validation and test gets; folders of "
        "these names decide instead",
    )
    seed: NotNegative = Field(default=0, description="of which source goes where")

    @model_validator(mode="after")
    def _some_share(self) -> "UserVideosData":
        if not any(self.shares):
            raise ValueError("data.shares: all are 0, so there would be no clips")
        return self
