"""The whole experiment: one frozen, strict section per subject, and every key that a file may hold.

A section refuses unknown keys, wrong types and impossible combinations. Where the released code and
the paper differ, the choice is a named key here and its default is the released code's.
`tfvp.config.loading` reads YAML into these sections and remembers where each value came from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise PydanticCustomError("odd", "Input should be an odd number")
    return value


Positive = Annotated[int, Field(ge=1)]
OddPositive = Annotated[int, Field(ge=1), AfterValidator(_odd)]
NotNegative = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Folder = Annotated[Path, Field(strict=False), AfterValidator(Path.expanduser)]

SPLITS = ("train", "validation", "test")


class Section(BaseModel):
    """A group of keys; unknown keys and changes after loading are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Chooser(Discriminator):
    """A Discriminator that may stand in a union with None, which wants it hashable."""

    __hash__ = object.__hash__


def _by(key: str, *names: str) -> Discriminator:
    """Choose a section among several by its `key`; where it is not given, the first."""

    def chosen(value: Any) -> str:
        name = value.get(key, names[0]) if isinstance(value, Mapping) else getattr(value, key, None)
        return names[0] if name is None else str(name)

    listed = ", ".join(f"'{name}'" for name in names[:-1])
    expected = f"{listed} or '{names[-1]}'" if listed else f"'{names[0]}'"
    return _Chooser(
        chosen,
        custom_error_type="unknown_kind",
        custom_error_message="Input should be {expected}",
        custom_error_context={"key": key, "expected": expected},
    )


# --- data ---


class DataSection(Section):
    """What every dataset has. Its own section adds `dataset`, `channels` and `sequences`."""

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
        """Context and predicted frames together."""
        return self.context_frames + self.predict_frames


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
        "other glyphs are read from root",
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
    validation_sequences: NotNegative = 3_000
    test_sequences: Positive = 5_000
    train_file: str | None = Field(
        default=None,
        description="take the split from this file in <root>/moving_mnist: an .npy (T, N, H, W) as "
        "the released test set, or an .npz as the E3D-LSTM program reads; null: make it",
    )
    validation_file: str | None = None
    test_file: str | None = None
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


KTH_TRAIN_PERSONS = tuple(range(1, 17))  # of video prediction; 17-25 are the test split


class KthData(DataSection):
    """KTH Action (Schüldt et al. 2004), windows cut from the official videos, one channel."""

    dataset: Literal["kth"] = "kth"
    frame_px: tuple[Positive, Positive] = Field(
        default=(128, 128), strict=False, description="height and width of a frame, pixels"
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

    @property
    def channels(self) -> int:
        """Colour channels of a frame."""
        return 1

    def sequences(self, split: str) -> int | None:
        """Only preparing tells how many windows the videos hold."""
        return None

    @property
    def endless(self) -> bool:
        """Whether training never sees a clip twice."""
        return False

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
    test_windows: Literal["all", "unique"] = "unique"

    @property
    def channels(self) -> int:
        """Colour channels of a frame."""
        return 3

    def sequences(self, split: str) -> int | None:
        """Only preparing tells how many sequences the drives hold."""
        return None

    @property
    def endless(self) -> bool:
        """Whether training never sees a clip twice."""
        return False

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


class ClipsData(DataSection):
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

    def sequences(self, split: str) -> int | None:
        """Only preparing tells how many clips the sources hold."""
        return None

    @property
    def endless(self) -> bool:
        """Whether training never sees a clip twice."""
        return False

    @model_validator(mode="after")
    def _some_share(self) -> "ClipsData":
        if not any(self.shares):
            raise ValueError("data.shares: all are 0, so there would be no clips")
        return self


DataConfig = Annotated[
    Annotated[MovingMnistData, Tag("moving_mnist")]
    | Annotated[KthData, Tag("kth")]
    | Annotated[KittiData, Tag("kitti")]
    | Annotated[ClipsData, Tag("clips")],
    _by("dataset", "moving_mnist", "kth", "kitti", "clips"),
]


# --- model ---


class EideticCellConfig(Section):
    """The recurrent cell of E3D-LSTM (Wang et al. 2019)."""

    kind: Literal["eidetic_lstm"] = "eidetic_lstm"
    kernel: tuple[Positive, Positive, Positive] = Field(
        default=(2, 5, 5), strict=False, description="time, rows, columns; [1, 5, 5] is the E2D net"
    )
    carry_memory: bool = Field(
        default=False,
        description="true: the paper's equations; false: the released code, whose memory stays 0",
    )


class EideticStackConfig(Section):
    """E3D-LSTM: a stack of Eidetic cells on windows of two frames folded into patches."""

    network: Literal["eidetic_stack"] = "eidetic_stack"
    cell: EideticCellConfig = EideticCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(64, 64, 64, 64), strict=False, min_length=1, description="channels of each layer"
    )
    wiring: Literal["plain", "residual", "residual_concat"] = Field(
        default="plain",
        description="residual: every pair of layers hands on its sum; residual_concat: its two "
        "outputs side by side",
    )
    patch_px: Positive = Field(default=4, description="side of the squares folded into channels")

    @model_validator(mode="after")
    def _memory_fits_every_layer(self) -> "EideticStackConfig":
        if self.cell.carry_memory and len(set(self.hidden)) > 1:
            raise ValueError(
                "model.cell.carry_memory: true hands one memory through all layers, so all of "
                f"model.hidden must be equal, got {list(self.hidden)}"
            )
        return self

    @model_validator(mode="after")
    def _pairs(self) -> "EideticStackConfig":
        if self.wiring != "plain" and len(self.hidden) % 2:
            raise ValueError(
                f"model.wiring: {self.wiring} joins pairs of layers and needs an even number of "
                f"them, got {len(self.hidden)} in model.hidden; set model.wiring: plain or add a "
                "layer"
            )
        if self.wiring == "residual" and len(set(self.hidden)) > 1:
            raise ValueError(
                "model.wiring: residual adds the outputs of two layers, so all of model.hidden "
                f"must be equal, got {list(self.hidden)}; set model.wiring: residual_concat or "
                "equal widths"
            )
        return self


class ConvLSTMCellConfig(Section):
    """The convolutional LSTM cell (Shi et al. 2015, arXiv:1506.04214)."""

    kind: Literal["conv_lstm"] = "conv_lstm"
    kernel: tuple[Positive, Positive] = Field(
        default=(5, 5), strict=False, description="rows, columns of the input's convolution"
    )
    state_kernel: tuple[Positive, Positive] = Field(
        default=(5, 5), strict=False, description="rows, columns of the state's convolution"
    )
    peephole: Literal["none", "channel", "full", "conv", "conv_released"] = Field(
        default="none",
        description="how gates see the cell: one weight a channel (Shi's counts), one a place and "
        "channel (the formula read literally), or a convolution; conv_released: of Dittrich's "
        "program, whose output gate sees it through the candidate's convolution",
    )
    bias: bool = Field(default=True, description="false: OpenSTL's cell has none")


class ConvLSTMStackConfig(Section):
    """A stack of ConvLSTM cells that reads frames and then its own predictions."""

    network: Literal["conv_lstm_stack"] = "conv_lstm_stack"
    cell: ConvLSTMCellConfig = ConvLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(128, 64, 64), strict=False, min_length=1, description="channels of each layer"
    )
    readout: Literal["all_layers", "top_layer"] = Field(
        default="all_layers",
        description="what the 1x1 convolution to the frame sees: all layers side by side (Shi, "
        "Feist) or the last one (OpenSTL)",
    )
    output: Literal["sigmoid", "linear"] = Field(
        default="sigmoid", description="sigmoid: predictions stay in (0, 1)"
    )
    readout_bias: bool = Field(default=True, description="false: OpenSTL's readout has none")
    patch_px: Positive = Field(default=1, description="side of the squares folded into channels")


class STLSTMCellConfig(Section):
    """The spatiotemporal LSTM cell (Wang et al. 2017)."""

    kind: Literal["st_lstm"] = "st_lstm"
    kernel: OddPositive = Field(default=5, description="side of the convolutions")
    release: Literal["2021", "2017", "paper"] = Field(
        default="2021",
        description="the authors' PyTorch cell, their first TF1 cell, or the paper's equations",
    )
    layer_norm: bool = Field(
        default=False, description="of the gates; in release 2021 it fixes the size of a frame"
    )


class PredRNNConfig(Section):
    """PredRNN: a stack of spatiotemporal LSTMs, one memory through all of them."""

    network: Literal["predrnn"] = "predrnn"
    cell: STLSTMCellConfig = STLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(128, 128, 128, 128),
        strict=False,
        min_length=1,
        description="channels of each layer, all equal",
    )
    decouple: bool = Field(
        default=False,
        description="PredRNN-V2: training.loss.network weighs how alike what the two states take "
        "in is",
    )
    patch_px: Positive = Field(default=4, description="side of the squares folded into channels")

    @model_validator(mode="after")
    def _memory_fits_every_layer(self) -> "PredRNNConfig":
        if len(set(self.hidden)) > 1:
            raise ValueError(
                "model.hidden: one memory goes through all layers of predrnn, so all widths must "
                f"be equal, got {list(self.hidden)}"
            )
        return self


class CausalLSTMCellConfig(Section):
    """The causal LSTM cell (Wang et al. 2018), and the highway, which shares its settings."""

    kind: Literal["causal_lstm"] = "causal_lstm"
    kernel: OddPositive = Field(default=5, description="side of the convolutions")
    layer_norm: bool = Field(default=True, description="of the gates")


class PredRNNPPConfig(Section):
    """PredRNN++: causal LSTMs with a gradient highway unit above the first."""

    network: Literal["predrnn_pp"] = "predrnn_pp"
    cell: CausalLSTMCellConfig = CausalLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(128, 64, 64, 64), strict=False, min_length=2, description="channels of each layer"
    )
    patch_px: Positive = Field(default=4, description="side of the squares folded into channels")


class ConvLSTMForecasterConfig(Section):
    """Encoder-forecaster of ConvLSTM cells; the forecaster sees no frame (Shi et al. 2015)."""

    network: Literal["conv_lstm_forecaster"] = "conv_lstm_forecaster"
    cell: ConvLSTMCellConfig = ConvLSTMCellConfig(peephole="channel")
    hidden: tuple[Positive, ...] = Field(
        default=(128, 64, 64), strict=False, min_length=1, description="channels of each layer"
    )
    order: Literal["same", "reversed"] = Field(
        default="same",
        description="order of the forecaster's layers; the paper's counts allow both, its "
        "follow-up reverses it and calls that a change",
    )
    patch_px: Positive = Field(default=4, description="side of the squares folded into channels")


RecurrentCellConfig = Annotated[
    Annotated[ConvLSTMCellConfig, Tag("conv_lstm")] | Annotated[STLSTMCellConfig, Tag("st_lstm")],
    _by("kind", "conv_lstm", "st_lstm"),
]


class RecurrentAutoencoderConfig(Section):
    """Recurrent cells alone, up to wide ones and back to a frame (Dittrich 2020)."""

    network: Literal["recurrent_autoencoder"] = "recurrent_autoencoder"
    cell: RecurrentCellConfig = ConvLSTMCellConfig(
        kernel=(3, 3), state_kernel=(3, 3), peephole="conv"
    )
    hidden: tuple[Positive, ...] = Field(
        default=(32, 64),
        strict=False,
        min_length=1,
        description="channels of the cells on the way up; down again the same",
    )
    remember: Literal["every_cell", "first_cell"] = Field(
        default="every_cell",
        description="which cells keep their state; first_cell: as the program, whose others start "
        "empty at every frame",
    )


class SpatioTemporalConfig(Section):
    """Spatio-temporal video autoencoder: a frame moved along a flow (Patraucean et al. 2016)."""

    network: Literal["spatio_temporal"] = "spatio_temporal"
    cell: RecurrentCellConfig = ConvLSTMCellConfig(
        kernel=(7, 7), state_kernel=(7, 7), peephole="conv"
    )
    encoder: Positive = Field(default=32, description="channels of the map that is moved")
    hidden: Positive = Field(default=45, description="channels of the cell")
    detach_sampled: bool = Field(
        default=False,
        description="true: as Dittrich's program, no gradient goes through the map that is moved",
    )


class ReleasedUnitConfig(Section):
    """PredNet's own recurrent unit: a ConvLSTM with Keras 2's hard sigmoid."""

    kind: Literal["released"] = "released"


PredNetUnitConfig = Annotated[
    Annotated[ReleasedUnitConfig, Tag("released")]
    | Annotated[ConvLSTMCellConfig, Tag("conv_lstm")]
    | Annotated[STLSTMCellConfig, Tag("st_lstm")],
    _by("kind", "released", "conv_lstm", "st_lstm"),
]


class PredNetCellConfig(Section):
    """One layer of PredNet (Lotter et al. 2017)."""

    kind: Literal["prednet"] = "prednet"
    kernel: OddPositive = Field(default=3, description="side of the convolutions")
    unit: PredNetUnitConfig = Field(
        default=ReleasedUnitConfig(),
        description="the recurrent part; another than the released as in Dittrich 2020",
    )


class PredNetConfig(Section):
    """PredNet: errors go up through the layers, predictions come down."""

    network: Literal["prednet"] = "prednet"
    cell: PredNetCellConfig = PredNetCellConfig()
    channels: tuple[Positive, ...] = Field(
        default=(48, 96, 192),
        strict=False,
        description="channels of each layer but the lowest, which has the frame's",
    )
    error_weights: tuple[Weight, ...] | None = Field(
        default=None,
        strict=False,
        description="of each layer's error in training.loss.network; null: the lowest layer's only",
    )
    late_feedback: bool = Field(
        default=True,
        description="true: past the truth it reads its prediction of the frame before, as the "
        "released program; false: of the frame itself",
    )

    @property
    def patch_px(self) -> int:
        """It reads frames as they are."""
        return 1

    @model_validator(mode="after")
    def _a_weight_a_layer(self) -> "PredNetConfig":
        layers = len(self.channels) + 1
        if self.error_weights is not None and len(self.error_weights) != layers:
            raise ValueError(
                f"model.error_weights: expected one for each of {layers} layers (the lowest and "
                f"model.channels), got {list(self.error_weights)}"
            )
        return self


class ConvLSTMSkipConfig(Section):
    """ConvLSTM layers between convolutions with skips (Colonna and Manganaro 2023)."""

    network: Literal["conv_lstm_skip"] = "conv_lstm_skip"
    cell: ConvLSTMCellConfig = ConvLSTMCellConfig()
    hidden: Annotated[int, Field(ge=2, multiple_of=2)] = Field(
        default=32, description="channels of the ConvLSTM layers; half of them outside"
    )
    kernel: OddPositive = Field(default=5, description="side of the outer convolutions")
    stride: Literal[1, 2] = Field(
        default=1, description="1: maps of the frame's size (the program); 2: half (its report)"
    )
    reads: Literal["context", "predictions"] = Field(
        default="context",
        description="what a step of the future reads, context: its frames once more (the program); "
        "predictions: the last frame, then its own (the report)",
    )


class FCLSTMCellConfig(Section):
    """The fully connected LSTM cell with peepholes (Graves 2013, Srivastava et al. 2015)."""

    kind: Literal["fc_lstm"] = "fc_lstm"
    activation: Literal["tanh", "relu"] = Field(
        default="tanh", description="of the candidate and the output, as the released program"
    )


DecoderKind = Literal["none", "unconditional", "conditional"]


class FCLSTMConfig(Section):
    """LSTM encoder with decoders for the past, the future or both (Srivastava et al. 2015)."""

    network: Literal["fc_lstm"] = "fc_lstm"
    cell: FCLSTMCellConfig = FCLSTMCellConfig()
    hidden: tuple[Positive, ...] = Field(
        default=(2048,), strict=False, min_length=1, description="units of each layer"
    )
    reconstruction: DecoderKind = Field(
        default="conditional", description="decoder of the context, last frame first"
    )
    future: Literal["unconditional", "conditional"] = Field(
        default="conditional",
        description="decoder of the future; conditional: it also reads the frame before",
    )
    output: Literal["sigmoid", "linear"] = Field(
        default="sigmoid", description="linear: for real-valued frames with a squared error"
    )


class SimpleLSTMConfig(Section):
    """Dense encoder, LSTM that goes on from its own output, dense decoder (Colonna 2023)."""

    network: Literal["simple_lstm"] = "simple_lstm"
    encoder: tuple[Positive, ...] = Field(
        default=(2048, 1024),
        strict=False,
        min_length=1,
        description="units of each dense layer; the last as many as the LSTM's",
    )
    decoder: tuple[Positive, ...] = Field(
        default=(2048,), strict=False, description="units of each dense layer but the last"
    )
    bidirectional: bool = Field(
        default=False,
        description="true: two LSTMs of half the width side by side, as the program had earlier",
    )

    @model_validator(mode="after")
    def _halves(self) -> "SimpleLSTMConfig":
        if self.bidirectional and self.encoder[-1] % 2:
            raise ValueError(
                "model.encoder: a bidirectional LSTM needs an even number of units in the last "
                f"layer, got {self.encoder[-1]}"
            )
        return self


ModelConfig = Annotated[
    Annotated[EideticStackConfig, Tag("eidetic_stack")]
    | Annotated[ConvLSTMStackConfig, Tag("conv_lstm_stack")]
    | Annotated[ConvLSTMForecasterConfig, Tag("conv_lstm_forecaster")]
    | Annotated[ConvLSTMSkipConfig, Tag("conv_lstm_skip")]
    | Annotated[FCLSTMConfig, Tag("fc_lstm")]
    | Annotated[SimpleLSTMConfig, Tag("simple_lstm")]
    | Annotated[RecurrentAutoencoderConfig, Tag("recurrent_autoencoder")]
    | Annotated[SpatioTemporalConfig, Tag("spatio_temporal")]
    | Annotated[PredRNNConfig, Tag("predrnn")]
    | Annotated[PredRNNPPConfig, Tag("predrnn_pp")]
    | Annotated[PredNetConfig, Tag("prednet")],
    _by(
        "network",
        *("eidetic_stack", "conv_lstm_stack", "conv_lstm_forecaster", "conv_lstm_skip"),
        *("fc_lstm", "simple_lstm", "recurrent_autoencoder", "spatio_temporal", "predrnn"),
        *("predrnn_pp", "prednet"),
    ),
]


# --- training ---


class AdamTF1Config(Section):
    """Adam as the E3D-LSTM program wrote it: epsilon inside the square root."""

    kind: Literal["adam_tf1"] = "adam_tf1"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.95
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.9995
    epsilon: Annotated[float, Field(gt=0)] = 1e-8


class AdamSettings(Section):
    """What Adam and AdamW share."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[float, Field(gt=0)] = 1e-8


class AdamConfig(AdamSettings):
    """Adam as Keras has it: epsilon outside the square root."""

    kind: Literal["adam"] = "adam"


class AdamWConfig(AdamSettings):
    """Adam whose weights also shrink by learning_rate * weight_decay, biases too, as PyTorch's."""

    kind: Literal["adamw"] = "adamw"
    weight_decay: Weight = 1e-2


class RMSPropConfig(Section):
    """RMSProp: the gradient over the root of the running mean of its square."""

    kind: Literal["rmsprop"] = "rmsprop"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9
    epsilon: Annotated[float, Field(gt=0)] = 1e-7


class ClippedMomentumConfig(Section):
    """Momentum whose every update is clipped, as the program of Srivastava et al. 2015 trains."""

    kind: Literal["clipped_momentum"] = "clipped_momentum"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    clip: Annotated[float, Field(gt=0)] = Field(
        default=1e-4, description="largest change of a weight in one update"
    )
    weight_decay: Weight = Field(default=1e-4, description="not of biases")


OptimizerConfig = Annotated[
    Annotated[AdamTF1Config, Tag("adam_tf1")]
    | Annotated[AdamConfig, Tag("adam")]
    | Annotated[AdamWConfig, Tag("adamw")]
    | Annotated[RMSPropConfig, Tag("rmsprop")]
    | Annotated[ClippedMomentumConfig, Tag("clipped_momentum")],
    _by("kind", "adam_tf1", "adam", "adamw", "rmsprop", "clipped_momentum"),
]


WarmupSteps = Annotated[
    NotNegative,
    Field(description="the learning rate rises linearly and is whole from this update on"),
]


class ConstantRateConfig(Section):
    """The optimizer's learning rate, perhaps after a warm-up."""

    kind: Literal["constant"] = "constant"
    warmup_steps: WarmupSteps = 0


class StepRateConfig(Section):
    """The learning rate is multiplied by `factor` now and then."""

    kind: Literal["step"] = "step"
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    every: Positive | None = Field(default=None, description="after every so many updates")
    at: tuple[Positive, ...] = Field(
        default=(), strict=False, description="after each of these updates"
    )
    warmup_steps: WarmupSteps = 0

    @model_validator(mode="after")
    def _sometime(self) -> "StepRateConfig":
        if self.every is None and not self.at:
            raise ValueError(
                "training.schedule: kind step needs every or at, after how many updates the "
                "learning rate falls"
            )
        return self


class CosineRateConfig(Section):
    """The learning rate falls along half a cosine from the warm-up to `training.steps`."""

    kind: Literal["cosine"] = "cosine"
    final: Probability = Field(default=0.0, description="share of the learning rate at the end")
    warmup_steps: WarmupSteps = 0


class OneCycleConfig(Section):
    """One rise and fall over `training.steps`, as PyTorch's OneCycleLR with cosines.

    The optimizer's learning rate is the highest.
    """

    kind: Literal["one_cycle"] = "one_cycle"
    pct_start: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.3, description="share of the updates in which it rises"
    )
    div_factor: Annotated[float, Field(ge=1)] = Field(
        default=25.0, description="the highest rate over the first"
    )
    final_div_factor: Annotated[float, Field(ge=1)] = Field(
        default=1e4, description="the first rate over the last"
    )
    cycle_momentum: bool = Field(
        default=True, description="momentum (beta_1 of Adam) falls while the rate rises"
    )
    base_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.85
    max_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95


ScheduleConfig = Annotated[
    Annotated[ConstantRateConfig, Tag("constant")]
    | Annotated[StepRateConfig, Tag("step")]
    | Annotated[CosineRateConfig, Tag("cosine")]
    | Annotated[OneCycleConfig, Tag("one_cycle")],
    _by("kind", "constant", "step", "cosine", "one_cycle"),
]


class GlobalNormClipConfig(Section):
    """All gradients are scaled down together where their common norm is larger."""

    kind: Literal["global_norm"] = "global_norm"
    norm: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="of the gradient of training.loss, a sum or a mean over clips"
    )


class ValueClipConfig(Section):
    """Every number of a gradient is cut to a range."""

    kind: Literal["value"] = "value"
    value: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="largest number, of either sign"
    )


ClipConfig = Annotated[
    Annotated[GlobalNormClipConfig, Tag("global_norm")] | Annotated[ValueClipConfig, Tag("value")],
    _by("kind", "global_norm", "value"),
]


class AbsoluteSquareLossConfig(Section):
    """`l2` * 0.5 * sum of squares + `l1` * sum of absolutes over all predicted frames."""

    kind: Literal["absolute_square"] = "absolute_square"
    l1: Weight = 1.0
    l2: Weight = 1.0
    reduction: Literal["sum", "mean"] = Field(
        default="sum",
        description="mean: over clips and predicted values, so l2: 2 is the mean squared error",
    )
    network: Weight = Field(
        default=0.0,
        description="weight of the network's own loss: prednet's errors, predrnn's decoupling, "
        "spatio_temporal's rough flow",
    )

    @model_validator(mode="after")
    def _something(self) -> "AbsoluteSquareLossConfig":
        if self.l1 == 0 and self.l2 == 0 and self.network == 0:
            raise ValueError("training.loss: l1 and l2 are both 0, so nothing would be learned")
        return self


class CrossEntropyLossConfig(Section):
    """Sum of -t log p - (1 - t) log(1 - p) over all predicted frames; targets as they are."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    epsilon: Annotated[float, Field(gt=0, lt=0.1)] = Field(
        default=1e-10, description="added to what a logarithm is taken of"
    )


LossConfig = Annotated[
    Annotated[AbsoluteSquareLossConfig, Tag("absolute_square")]
    | Annotated[CrossEntropyLossConfig, Tag("cross_entropy")],
    _by("kind", "absolute_square", "cross_entropy"),
]


class LinearSamplingConfig(Section):
    """Scheduled sampling: the true frame is fed with probability start - decay_per_step * step."""

    kind: Literal["linear"] = "linear"
    start: Probability = 1.0
    decay_per_step: Weight = 2e-5
    stop_step: NotNegative = Field(
        default=50_000, description="from this step on the model only sees its own predictions"
    )


class ReverseSamplingConfig(Section):
    """Reverse scheduled sampling of PredRNN-V2: its own predictions in the context at first, too.

    Until first_step a true frame is fed with probability 0.5 everywhere after the first frame. Then
    it nears 1 in the context, 1 - 0.5 exp(-(step - first_step) / time_constant), and falls to 0 in
    the future, along a line; from last_step on it is 1 and 0.
    """

    kind: Literal["reverse"] = "reverse"
    first_step: NotNegative = 25_000
    last_step: Positive = 50_000
    time_constant: Annotated[float, Field(gt=0)] = Field(default=2_500.0, description="in steps")

    @model_validator(mode="after")
    def _in_order(self) -> "ReverseSamplingConfig":
        if self.first_step >= self.last_step:
            raise ValueError(
                f"training.scheduled_sampling.first_step: {self.first_step} must come before "
                f"last_step {self.last_step}"
            )
        return self


SamplingConfig = Annotated[
    Annotated[LinearSamplingConfig, Tag("linear")]
    | Annotated[ReverseSamplingConfig, Tag("reverse")],
    _by("kind", "linear", "reverse"),
]


class InitConfig(Section):
    """Weights to start from (fine-tuning)."""

    source: str | None = Field(
        default=None,
        description="a run folder, a .keras or .npz file, or a TF1 checkpoint prefix; for prednet "
        "also a Keras 2 .hdf5 file",
    )
    kernels: Literal["auto", "tensorflow", "theano"] = Field(
        default="auto",
        description="whose convolution a Keras 2 .hdf5 file was trained with; theano: turn every "
        "kernel by half a circle; auto: as the file says",
    )
    required: bool = Field(
        default=False, description="true: a fine-tuning config, refuse to start without"
    )
    weights: Literal["raw", "averaged"] = Field(
        default="raw", description="averaged: start from the exponential average of the weights"
    )
    optimizer: bool = Field(
        default=False, description="also take the optimizer's moments and step, as the thesis did"
    )


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


class EarlyStoppingConfig(Section):
    """Training ends when validation has not become better for a while."""

    patience: Positive = Field(
        default=10, description="validations in a row that were not better, after which it ends"
    )
    min_change: Weight = Field(
        default=0.0, description="better is by more than this, in units of validation_metric"
    )


class TrainingConfig(Section):
    """How the network is trained; a step takes one global batch and counts for all schedules.

    It is one optimizer update, or two with `reverse_input`.
    """

    steps: Positive = 80_000
    global_batch: Positive = Field(default=16, description="clips per update, over all devices")
    micro_batch: Positive | Literal["auto"] = Field(
        default="auto",
        description="gradient accumulation: clips whose gradient is computed at once on a device; "
        "those of a global batch are summed before the update, so it changes memory and speed but "
        "not the result; auto: 2 on a CPU, else all",
    )
    optimizer: OptimizerConfig = AdamTF1Config()
    schedule: ScheduleConfig = ConstantRateConfig()
    clip: ClipConfig | None = Field(
        default=None, description="of the whole batch's gradient, before the optimizer sees it"
    )
    loss: LossConfig = AbsoluteSquareLossConfig()
    scheduled_sampling: SamplingConfig | None = LinearSamplingConfig()
    reverse_input: bool = Field(
        default=False,
        description="every step makes a second update, from its clips reversed in time with the "
        "same sampling mask",
    )
    average_decay: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.9995, description="decay of the exponential average of the weights"
    )
    freeze_decoder: bool = Field(
        default=False, description="leave the decoder's weights as they are"
    )
    init: InitConfig = InitConfig()
    distribution: Literal["auto", "none", "mirrored", "multi_worker"] = Field(
        default="auto",
        description="auto: mirrored when more than one GPU is visible; mirrored: all devices of "
        "this machine; multi_worker: several processes, one a machine, that TF_CONFIG or Slurm's "
        "srun names; no choice changes the result",
    )
    precision: Literal["float32", "mixed_bfloat16"] = Field(
        default="float32",
        description="mixed_bfloat16: training computes in bfloat16, but norms, losses, weights and "
        "their updates stay float32; evaluation and exports are float32",
    )
    xla: bool = Field(default=False, description="compile the update with XLA")
    deterministic: bool = Field(
        default=False,
        description="operations that give the same bits every time, also on a GPU; slower there",
    )
    seed: NotNegative = Field(
        default=0, description="of initial weights, data order and sampling masks"
    )
    log_every: Positive = 50
    validate_every: Positive = 500
    validation_clips: Positive = Field(default=200, description="clips of the validation split")
    validation_metric: MetricName = Field(
        default="mse", description="decides which checkpoint is the best, and early stopping"
    )
    validation_weights: Literal["raw", "averaged"] = Field(
        default="raw", description="averaged: the exponential average of the weights is validated"
    )
    early_stopping: EarlyStoppingConfig | None = None
    checkpoint_every: Positive = 500
    keep_checkpoints: Positive = Field(default=5, description="besides the best one")

    @model_validator(mode="after")
    def _xla_in_one_process(self) -> "TrainingConfig":
        if self.xla and self.distribution == "multi_worker":
            raise ValueError(
                "training.xla: XLA cannot compile sums over several processes "
                "(training.distribution: multi_worker); set it to false"
            )
        return self

    @model_validator(mode="after")
    def _momentum_to_cycle(self) -> "TrainingConfig":
        cycles = self.schedule.kind == "one_cycle" and self.schedule.cycle_momentum
        if cycles and self.optimizer.kind == "rmsprop":
            raise ValueError(
                "training.schedule.cycle_momentum: rmsprop has no momentum to cycle; set it to "
                "false or choose another training.optimizer.kind"
            )
        return self


# --- evaluation ---


METRIC_PRESETS: dict[str, tuple[MetricName, ...]] = {
    "thesis": ("mse", "mae", "ssim_thesis", "psnr_uint8"),  # Tan 2019
    "literature": (  # every definition that a published table uses
        "mse",
        "mae",
        "ssim_thesis",
        "ssim_uint8",
        "psnr_uint8",
        "cross_entropy",
    ),
    "pixels": ("mse", "mae", "psnr_float", "cross_entropy"),  # for frames below a window's size
    "all": get_args(MetricName),
}


def _metric_names(value: Any) -> Any:
    """The metrics of a preset; anything else as it is."""
    if isinstance(value, str) and value not in METRIC_PRESETS:
        raise PydanticCustomError(
            "metrics",
            "Input should be a list of metrics, or one of {presets}",
            {"presets": ", ".join(METRIC_PRESETS)},
        )
    return METRIC_PRESETS[value] if isinstance(value, str) else value


class EvaluationConfig(Section):
    """What is measured on the test split, once, after training."""

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
    checkpoint: Literal["best", "last"] = "best"
    weights: Literal["raw", "averaged"] = Field(
        default="raw",
        description="averaged: the exponential average (the released code never used it)",
    )
    samples: NotNegative = Field(default=5, description="clips drawn as filmstrips and GIFs")


# --- the experiment ---


class Experiment(Section):
    """One row of a table: data, model, training and evaluation together."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="run folder under results/"
    )
    config: str = Field(
        default="", description="the config file's name, by which published rows find ours"
    )
    title: str = Field(description="the row's name in tables")
    preset: str | None = Field(default=None, description="set by --preset; kept for the record")
    label: str = Field(
        default="", description="what a reader of the numbers must know, on every table"
    )
    results: Folder = Field(default=Path("results"), description="where run folders are made")
    data: DataConfig = MovingMnistData()
    model: ModelConfig = EideticStackConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _patch_divides_frame(self) -> "Experiment":
        height, width = self.data.frame_px
        patch = getattr(self.model, "patch_px", 1)
        if height % patch or width % patch:
            sides = [p for p in range(1, min(height, width) + 1) if height % p == 0 == width % p]
            raise ValueError(
                f"model.patch_px: {patch} must divide the frame, got data.frame_px "
                f"{height}x{width}; allowed: {', '.join(map(str, sides))}"
            )
        return self

    @model_validator(mode="after")
    def _stride_halves_frame(self) -> "Experiment":
        stride, (height, width) = getattr(self.model, "stride", 1), self.data.frame_px
        if height % stride or width % stride:
            raise ValueError(
                f"model.stride: {stride} must divide the frame, got data.frame_px {height}x{width}"
            )
        return self

    @model_validator(mode="after")
    def _prednet_halves_frame(self) -> "Experiment":
        if self.model.network == "prednet":
            height, width = self.data.frame_px
            divisor = 2 ** len(self.model.channels)
            if height % divisor or width % divisor:
                raise ValueError(
                    f"model.channels: {len(self.model.channels)} layers above the lowest halve the "
                    f"frame as often, got data.frame_px {height}x{width}, which {divisor} does not "
                    "divide"
                )
        return self

    @model_validator(mode="after")
    def _spatio_temporal_halves_frame(self) -> "Experiment":
        height, width = self.data.frame_px
        if self.model.network == "spatio_temporal" and (height % 2 or width % 2):
            raise ValueError(
                "model.network: spatio_temporal halves the frame once, so data.frame_px must be "
                f"even, got {height}x{width}"
            )
        return self

    @model_validator(mode="after")
    def _network_has_a_loss(self) -> "Experiment":
        weight = getattr(self.training.loss, "network", 0.0)
        model = self.model
        has_one = model.network in ("prednet", "spatio_temporal") or (
            model.network == "predrnn" and model.decouple
        )
        if weight and not has_one:
            raise ValueError(
                "training.loss.network: only prednet, spatio_temporal, and predrnn with "
                f"model.decouple: true, have a loss of their own, got model.network {model.network}"
            )
        if model.network == "predrnn" and model.decouple and not weight:
            raise ValueError(
                "model.decouple: true adds weights that only training.loss.network trains, which "
                "is 0"
            )
        return self

    @model_validator(mode="after")
    def _ssim_window_fits(self) -> "Experiment":
        height, width = self.data.frame_px
        named = [("evaluation.metrics", metric) for metric in self.evaluation.metrics]
        for key, metric in [
            *named,
            ("training.validation_metric", self.training.validation_metric),
        ]:
            window = 11 if metric == "ssim_gaussian" else 7
            if metric.startswith("ssim") and min(height, width) < window:
                raise ValueError(
                    f"{key}: {metric} looks through a window of {window}x{window} "
                    f"pixels, got data.frame_px {height}x{width}"
                )
        return self

    @model_validator(mode="after")
    def _samples_in_the_context(self) -> "Experiment":
        sampling, network = self.training.scheduled_sampling, self.model.network
        encodes = ("conv_lstm_forecaster", "fc_lstm", "simple_lstm")
        if sampling and sampling.kind == "reverse" and network in encodes:
            raise ValueError(
                f"training.scheduled_sampling.kind: reverse feeds predictions in the context, and "
                f"model.network {network} makes none there; use linear or null"
            )
        return self

    @model_validator(mode="after")
    def _enough_sequences(self) -> "Experiment":
        data, evaluation = self.data, self.evaluation
        needs = [
            ("training.validation_clips", self.training.validation_clips, "validation"),
            ("evaluation.sequences", evaluation.sequences or 0, "test"),
            ("evaluation.samples", evaluation.samples, "test"),
        ]
        if not data.endless:
            needs.append(("training.global_batch", self.training.global_batch, "train"))
        for key, wanted, split in needs:
            available = data.sequences(split)
            if available and wanted > available:  # 0: the split is not there, see data
                raise ValueError(
                    f"{key}: {wanted} is more than there are, got data.{split}_sequences "
                    f"{available}"
                )
        return self

    @model_validator(mode="after")
    def _batch_normalisation_sees_the_batch(self) -> "Experiment":
        batch, micro = self.training.global_batch, self.training.micro_batch
        if self.model.network == "conv_lstm_skip" and micro != batch:
            raise ValueError(
                "training.micro_batch: conv_lstm_skip normalises over the clips that it sees at "
                f"once, so it must be training.global_batch, {batch}, got {micro}"
            )
        return self

    @model_validator(mode="after")
    def _batch_is_whole_micro_batches(self) -> "Experiment":
        batch, micro = self.training.global_batch, self.training.micro_batch
        if micro != "auto" and batch % micro:
            raise ValueError(
                f"training.micro_batch: {micro} must divide training.global_batch, got {batch}"
            )
        return self
