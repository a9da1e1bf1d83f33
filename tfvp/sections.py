"""The base classes of a configuration's sections.

A section refuses unknown keys, wrong types and impossible combinations, and does not change once it
is made. What is chosen by a name (a dataset, a network, a cell) keeps its own section in the folder
or file of its name; nothing here or there needs Keras.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise PydanticCustomError("odd", "Input should be an odd number")
    return value


def _expanded(path: Path) -> Path:
    if "\0" in str(path):
        raise PydanticCustomError("path", "Input should be a path, without the character NUL")
    return path.expanduser()


Positive = Annotated[int, Field(ge=1)]
OddPositive = Annotated[int, Field(ge=1), AfterValidator(_odd)]
NotNegative = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Folder = Annotated[Path, Field(strict=False), AfterValidator(_expanded)]


SPLITS = ("train", "validation", "test")


class Section(BaseModel):
    """A group of keys; unknown keys and changes after loading are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class SourceReading(NamedTuple):
    """How a user's files become frames: what `tfvp.data.user_videos.config` has keys for."""

    fit: str = "resize"
    fps: float | None = None
    source_fps: float | None = None
    value_range: tuple[float, float] | None = None
    nan: float | None = None


class DataSection(Section):
    """The keys of every dataset; the section in the dataset's own folder adds the rest.

    A section sets `dataset`, its name, as a literal, and `channels`, of a frame, as a key or as a
    property.
    """

    if TYPE_CHECKING:
        dataset: Any
        channels: Any

    root: Folder | None = Field(
        default=None,
        description="folder with the raw data (mnist/, kth/, … inside); read only; default "
        "$TFVP_DATA",
    )
    prepared: Folder = Field(default=Path("data"), description="where prepared TFRecords are kept")
    frame_px: tuple[Positive, Positive] = Field(
        default=(64, 64), strict=False, description="height and width of a frame, pixels"
    )
    context_frames: Positive = Field(default=10, description="frames the network is given")
    predict_frames: Positive = Field(default=10, description="frames it must predict")

    @property
    def total_frames(self) -> int:
        """Return the number of context and predicted frames together."""
        return self.context_frames + self.predict_frames

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Return (H, W, C) of a frame."""
        return (*self.frame_px, self.channels)

    @property
    def endless(self) -> bool:
        """Return whether training never sees a clip twice."""
        return False

    @property
    def has_varied_digits(self) -> bool:
        """Return whether its clips are of digits whose number and source its keys can vary."""
        return False

    @property
    def source_reading(self) -> SourceReading:
        """Return how a user's file is read as these data were."""
        return SourceReading()

    def sequences(self, split: str) -> int | None:
        """Return the number of sequences in a prepared split; None: only preparing tells it."""
        del split
        return None


class FrameDivisor(NamedTuple):
    """A number that must divide a frame's height and width."""

    key: str  # decides it
    divisor: int
    why: str = ""  # what makes it so; empty where the key's value itself is the number


class PretrainedFile(NamedTuple):
    """A file with the weights of a part of a network that another program trained.

    Args:
        part: the part, see `Core.pretrained_parts`.
        key: the configuration's key that names the file.
        path: the file, as `tfvp import` writes it.
        source: how to come by what is imported.
        original: the name of that file.
    """

    part: str
    key: str
    path: Path
    source: str
    original: str


class ModelSection(Section):
    """The keys and traits of every network that must be known before it is built.

    A section sets `network`, its name, as a literal. The properties are the network's traits:
    whatever depends on them (checks of the experiment, training, evaluation) reads them here, so
    nothing needs to know a network by its name.
    """

    if TYPE_CHECKING:
        network: Any

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Return the numbers that must divide the height and width of a frame."""
        return ()

    @property
    def has_auxiliary_loss(self) -> bool:
        """Return whether it has an auxiliary loss, which `training.loss.network` weighs."""
        return False

    @property
    def predicts_in_context(self) -> bool:
        """Return whether each context frame gives a prediction; else all of them are read first."""
        return True

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return what it gives: "prediction" of the future, "reconstruction" of its context."""
        return ("prediction",)

    @property
    def batch_statistics(self) -> bool:
        """Return whether a clip's output in training depends on the other clips of the batch."""
        return False

    @property
    def clips_at_once(self) -> int:
        """Return of how many clips of 20 frames of 64x64 pixels a CPU is to train on at once.

        The fewest that take at most 5 % more time a clip than is best within 4 GB, see
        docs/performance.md.
        """
        return 2

    @property
    def fixed_context(self) -> bool:
        """Return whether its weights belong to one number of context frames."""
        return False

    @property
    def measured_with_true_pixels(self) -> bool:
        """Return whether an evaluation gives it the true pixels before each pixel: a likelihood."""
        return False

    @property
    def prediction_note(self) -> str:
        """Return what a reader of its numbers must know of how it predicts; every table says it."""
        return ""

    @property
    def prediction_keys(self) -> tuple[str, ...]:
        """Return the keys that change how a trained network predicts, and none of its weights."""
        return ()

    @property
    def pretrained_files(self) -> tuple[PretrainedFile, ...]:
        """Files that training begins with, of parts that no training of ours changes."""
        return ()

    def check(self, data: DataSection, auxiliary_weight: float) -> None:
        """Raise ValueError where data or training do not fit this network.

        Args:
            data: the data section.
            auxiliary_weight: `training.loss.network`; 0: its auxiliary loss is not trained.
        """


class PatchedSection(ModelSection):
    """A network on patches, squares of pixels folded into channels; it has the key `patch_px`."""

    if TYPE_CHECKING:
        patch_px: Any

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Return `patch_px`, since whole patches must cover the frame."""
        return (FrameDivisor("model.patch_px", self.patch_px),)

    def of_patches(self, clips: int) -> int:
        """Return `clips_at_once` where it is `clips` at patches of 4x4 pixels: by grid places."""
        return clips * self.patch_px**2 // 16
