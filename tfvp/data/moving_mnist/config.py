"""The data section of Moving MNIST."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfvp.sections import SPLITS, DataSection, NotNegative, Positive


class MovingMnistData(DataSection):
    """Moving MNIST as the program of Srivastava et al. 2015 (arXiv:1502.04681) makes it."""

    dataset: Literal["moving_mnist"] = "moving_mnist"
    digits: Literal[
        "auto",
        "mnist",
        "sklearn",
        "emnist_balanced",
        "emnist_byclass",
        "emnist_letters",
        "kmnist",
        "omniglot",
    ] = Field(
        default="auto",
        description="auto: MNIST from root, Keras' cache or a download, else scikit-learn's; the "
        "other characters are read from root",
    )
    digit_subset: Positive | None = Field(
        default=None,
        description="only the first so many digits of each split, as the 500 of the ConvLSTM paper",
    )
    without_digits: bool = Field(
        default=False, description="leave out the digits among EMNIST's characters"
    )
    digit_count: Positive = Field(default=2, description="digits in every frame")
    digit_px: Positive = Field(default=28, description="side of a pasted digit, pixels")
    motion: Literal["srivastava", "shi"] = Field(
        default="srivastava",
        description="shi: 3-5 px a frame, mirrored at the walls, as in the ConvLSTM paper",
    )
    step_length: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.1,
        description="srivastava: share of the free way that a digit goes in one frame (0.1: 3.6 of "
        "36 px)",
    )
    train_sequences: NotNegative = Field(
        default=10_000, description="0, with validation_sequences 0: a test set alone"
    )
    validation_sequences: NotNegative = Field(
        default=3_000, description="sequences of the validation split"
    )
    test_sequences: Positive = Field(default=5_000, description="sequences of the test split")
    train_file: str | None = Field(
        default=None,
        description="take the split from this file in <root>/moving_mnist: an .npy (T, N, H, W) as "
        "the released test set, or an .npz as the E3D-LSTM program reads; null: make it",
    )
    validation_file: str | None = Field(default=None, description="as train_file")
    test_file: str | None = Field(default=None, description="as train_file")
    train_source: Literal["records", "generated"] = Field(
        default="records",
        description="records: the prepared train split, again and again; generated: endless new "
        "clips",
    )
    seed: NotNegative = Field(default=0, description="seed of the generator")

    @property
    def channels(self) -> int:
        """Colour channels of a frame."""
        return 1

    def sequences(self, split: str) -> int | None:
        """Number of sequences in a prepared split; None where only preparing tells."""
        return getattr(self, f"{split}_sequences")

    @property
    def endless(self) -> bool:
        """Whether training never sees a clip twice."""
        return self.train_source == "generated"

    @property
    def has_varied_digits(self) -> bool:
        """Return True: `digits` and `digit_count` vary them."""
        return True

    @property
    def counts(self) -> dict[str, int]:
        """Number of sequences of every split that there is."""
        numbers = {split: getattr(self, f"{split}_sequences") for split in SPLITS}
        return {split: number for split, number in numbers.items() if number}

    @property
    def files(self) -> dict[str, str]:
        """The released file of every split that is read from one."""
        names = {split: getattr(self, f"{split}_file") for split in self.counts}
        return {split: name for split, name in names.items() if name}

    @model_validator(mode="after")
    def _choices_agree(self) -> "MovingMnistData":
        if self.without_digits and self.digits not in ("emnist_balanced", "emnist_byclass"):
            raise ValueError(
                "data.without_digits: true needs characters that are marked as digits, data.digits "
                f"emnist_balanced or emnist_byclass, got {self.digits}"
            )
        if bool(self.train_sequences) != bool(self.validation_sequences):
            raise ValueError(
                "data.train_sequences, data.validation_sequences: both are 0 (a test set alone) or "
                f"neither, got {self.train_sequences} and {self.validation_sequences}"
            )
        if self.endless and (self.train_file or not self.train_sequences):
            raise ValueError(
                "data.train_source: generated begins with the train split, so it needs "
                "data.train_sequences above 0 and no data.train_file"
            )
        return self

    @model_validator(mode="after")
    def _digit_fits(self) -> "MovingMnistData":
        if self.digit_px >= min(self.frame_px):
            raise ValueError(
                f"data.digit_px: {self.digit_px} must be smaller than the frame, got data.frame_px "
                f"{self.frame_px[0]}x{self.frame_px[1]}"
            )
        return self
