"""The data section of KITTI raw."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.sections import DataSection, NotNegative, Positive


class KittiData(DataSection):
    """KITTI raw (Geiger et al. 2013), scaled and cropped as PredNet's preparation, in colour."""

    dataset: Literal["kitti"] = "kitti"
    frame_px: tuple[Positive, Positive] = Field(
        default=(128, 160),
        strict=False,
        description="height to scale to and width to crop to, pixels",
    )
    context_frames: Positive = Field(default=5, description="frames the network is given")
    predict_frames: Positive = Field(default=5, description="frames it must predict")
    camera: Literal["image_02", "image_03"] = Field(
        default="image_03", description="the left or the right colour camera; PredNet's: image_03"
    )
    test_drives: tuple[str, ...] = Field(
        default=(
            "2011_09_26_drive_0104_sync",
            "2011_09_26_drive_0079_sync",
            "2011_09_26_drive_0070_sync",
        ),
        strict=False,
        min_length=1,
        description="folders of drives; default PredNet's (city, residential, road)",
    )
    validation_drives: tuple[str, ...] = Field(
        default=("2011_09_26_drive_0005_sync",),
        strict=False,
        description="folders of drives; default PredNet's",
    )
    train_drives: tuple[str, ...] = Field(
        default=(), strict=False, description="folders of drives; []: all that are not listed"
    )
    validation_last_frames: NotNegative = Field(
        default=0,
        description="where drives are few: these last frames of each training drive are for "
        "validation too",
    )
    validation_gap_frames: NotNegative = Field(
        default=10, description="frames before those that are used for nothing"
    )
    validation_frames: Positive | None = Field(
        default=None,
        description="frames of a validation sequence, where its drives hold no longer ones: fewer "
        "are predicted then; null: as in training",
    )
    train_windows: Literal["all", "unique"] = Field(
        default="all",
        description="of training and validation; all: a sequence from every frame on; unique: "
        "one after the other",
    )
    test_windows: Literal["all", "unique"] = Field(
        default="unique", description="of the test split, as train_windows"
    )

    @property
    def channels(self) -> int:
        """Colour channels of a frame."""
        return 3

    @model_validator(mode="after")
    def _every_drive_once(self) -> "KittiData":
        listed = [*self.test_drives, *self.validation_drives, *self.train_drives]
        twice = sorted({drive for drive in listed if listed.count(drive) > 1})
        if twice:
            raise ValueError(
                f"data.test_drives, data.validation_drives, data.train_drives: {', '.join(twice)} "
                "is listed twice; a drive belongs to one split"
            )
        return self

    @model_validator(mode="after")
    def _validation_holds_a_sequence(self) -> "KittiData":
        last = self.validation_last_frames
        if not last and not self.validation_drives:
            raise ValueError(
                "data.validation_drives: none, and data.validation_last_frames: 0; one of them "
                "must give validation something"
            )
        needed = self.validation_frames or self.total_frames
        if not self.context_frames < needed <= self.total_frames:
            raise ValueError(
                f"data.validation_frames: {needed} must be more than data.context_frames "
                f"{self.context_frames} and at most data.context_frames + data.predict_frames = "
                f"{self.total_frames}"
            )
        if 0 < last < needed:
            raise ValueError(
                f"data.validation_last_frames: {last} frames hold no sequence of {needed} "
                "(data.validation_frames, else data.context_frames + data.predict_frames)"
            )
        return self
