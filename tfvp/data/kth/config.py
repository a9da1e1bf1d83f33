"""The data section of KTH Action."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.sections import DataSection, Positive

KTH_TRAIN_PERSONS = tuple(range(1, 17))  # of video prediction; 17-25 are the test split


class KthData(DataSection):
    """KTH Action (Schüldt et al. 2004), windows cut from the official videos."""

    dataset: Literal["kth"] = "kth"
    frame_px: tuple[Positive, Positive] = Field(
        default=(128, 128), strict=False, description="height and width of a frame, pixels"
    )
    channels: Literal[1, 3] = Field(
        default=1,
        description="1: gray, as nearly everywhere; 3: the gray videos' red, green and blue as "
        "they are decoded, as Dittrich 2020 counted",
    )
    predict_frames: Positive = Field(default=20, description="frames it must predict")
    windows: Literal["released", "sliding"] = Field(
        default="released",
        description="released: from a video's end backwards, side by side, and every third start "
        "of running and jogging; sliding: every data.stride-th start of an unbroken stretch",
    )
    stride: Positive | None = Field(
        default=None, description="frames between the starts of windows: sliding"
    )
    validation_persons: tuple[Positive, ...] = Field(
        default=(15, 16),
        strict=False,
        min_length=1,
        description="taken out of the training persons 1-16; persons 17-25 are the test split",
    )
    allow_missing: bool = Field(
        default=False,
        description="true: do with the videos that are there and whole; false: KTH must be "
        "complete",
    )

    @model_validator(mode="after")
    def _stride_belongs_to_sliding(self) -> "KthData":
        if (self.windows == "sliding") != (self.stride is not None):
            raise ValueError(
                f"data.stride: {'missing' if self.stride is None else self.stride}, but "
                f"data.windows is {self.windows}; give a stride with sliding windows only"
            )
        return self

    @model_validator(mode="after")
    def _validation_leaves_training(self) -> "KthData":
        chosen, train = set(self.validation_persons), set(KTH_TRAIN_PERSONS)
        if not chosen < train:
            raise ValueError(
                f"data.validation_persons: {sorted(chosen)} must be some, not all, of the "
                "training persons 1-16"
            )
        return self
