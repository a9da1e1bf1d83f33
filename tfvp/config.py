"""The whole experiment: one frozen, strict section per subject, and every key that a file may hold.

A section refuses unknown keys, wrong types and impossible combinations. Where the released code and
the paper differ, the choice is a named key here and its default is the released code's.
`tfvp.config_files` reads YAML into these sections and remembers where each value came from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Folder = Annotated[Path, Field(strict=False), AfterValidator(Path.expanduser)]

SPLITS = ("train", "validation", "test")


class Section(BaseModel):
    """A group of keys; unknown keys and changes after loading are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _by(key: str, *names: str) -> Discriminator:
    """Choose a section among several by its `key`; where it is not given, the first."""

    def chosen(value: Any) -> str:
        name = value.get(key, names[0]) if isinstance(value, Mapping) else getattr(value, key, None)
        return names[0] if name is None else str(name)

    listed = ", ".join(f"'{name}'" for name in names[:-1])
    expected = f"{listed} or '{names[-1]}'" if listed else f"'{names[0]}'"
    return Discriminator(
        chosen,
        custom_error_type="unknown_kind",
        custom_error_message="Input should be {expected}",
        custom_error_context={"key": key, "expected": expected},
    )


# --- data ---


class MovingMnistData(Section):
    """Moving MNIST as the program of Srivastava et al. 2015 (arXiv:1502.04681) makes it."""

    dataset: Literal["moving_mnist"] = "moving_mnist"
    root: Folder | None = Field(
        default=None,
        description="folder with the raw data (mnist/ inside); read only; default $TFVP_DATA",
    )
    prepared: Folder = Field(default=Path("data"), description="where prepared TFRecords are kept")
    digits: Literal["auto", "mnist", "sklearn"] = Field(
        default="auto",
        description="auto: MNIST from root, Keras' cache or a download, else scikit-learn's digits",
    )
    digit_count: Positive = Field(default=2, description="digits in every frame")
    digit_px: Positive = Field(default=28, description="side of a pasted digit, pixels")
    frame_px: tuple[Positive, Positive] = Field(
        default=(64, 64), strict=False, description="height and width of a frame, pixels"
    )
    step_length: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.1,
        description="share of the free way a digit goes in one frame (0.1: 3.6 of 36 px)",
    )
    context_frames: Positive = Field(default=10, description="frames the network is given")
    predict_frames: Positive = Field(default=10, description="frames it must predict")
    train_sequences: Positive = 10_000
    validation_sequences: Positive = 3_000
    test_sequences: Positive = 5_000
    train_source: Literal["records", "generated"] = Field(
        default="records",
        description="records: the prepared train split, again and again; generated: endless new "
        "clips",
    )
    seed: NotNegative = Field(default=0, description="seed of the generator")

    @property
    def total_frames(self) -> int:
        """Context and predicted frames together."""
        return self.context_frames + self.predict_frames

    @property
    def channels(self) -> int:
        """Colour channels of a frame."""
        return 1

    def sequences(self, split: str) -> int:
        """Number of sequences in a prepared split."""
        return getattr(self, f"{split}_sequences")

    @model_validator(mode="after")
    def _digit_fits(self) -> "MovingMnistData":
        if self.digit_px >= min(self.frame_px):
            raise ValueError(
                f"data.digit_px: {self.digit_px} must be smaller than the frame, got data.frame_px "
                f"{self.frame_px[0]}x{self.frame_px[1]}"
            )
        return self


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
    peephole: Literal["none", "channel", "full", "conv"] = Field(
        default="none",
        description="how gates see the cell: one weight a channel (Shi's counts), one a place and "
        "channel (the formula read literally), or a convolution",
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
        default=(2048, 2048), strict=False, min_length=1, description="units of each dense layer"
    )
    decoder: tuple[Positive, ...] = Field(
        default=(2048,), strict=False, description="units of each dense layer but the last"
    )


ModelConfig = Annotated[
    Annotated[EideticStackConfig, Tag("eidetic_stack")]
    | Annotated[ConvLSTMStackConfig, Tag("conv_lstm_stack")]
    | Annotated[ConvLSTMForecasterConfig, Tag("conv_lstm_forecaster")]
    | Annotated[FCLSTMConfig, Tag("fc_lstm")]
    | Annotated[SimpleLSTMConfig, Tag("simple_lstm")],
    _by(
        "network",
        *("eidetic_stack", "conv_lstm_stack", "conv_lstm_forecaster", "fc_lstm", "simple_lstm"),
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


class AdamConfig(Section):
    """Adam as Keras has it: epsilon outside the square root."""

    kind: Literal["adam"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[float, Field(gt=0)] = 1e-8


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
    rate_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.9, description="the learning rate's factor after every `decay_steps`"
    )
    decay_steps: Positive = 10_000


OptimizerConfig = Annotated[
    Annotated[AdamTF1Config, Tag("adam_tf1")]
    | Annotated[AdamConfig, Tag("adam")]
    | Annotated[RMSPropConfig, Tag("rmsprop")]
    | Annotated[ClippedMomentumConfig, Tag("clipped_momentum")],
    _by("kind", "adam_tf1", "adam", "rmsprop", "clipped_momentum"),
]


class AbsoluteSquareLossConfig(Section):
    """`l2` * 0.5 * sum of squares + `l1` * sum of absolutes over all predicted frames; no mean."""

    kind: Literal["absolute_square"] = "absolute_square"
    l1: Weight = 1.0
    l2: Weight = 1.0

    @model_validator(mode="after")
    def _something(self) -> "AbsoluteSquareLossConfig":
        if self.l1 == 0 and self.l2 == 0:
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


class SamplingConfig(Section):
    """Scheduled sampling: the true frame is fed with probability start - decay_per_step * step."""

    start: Probability = 1.0
    decay_per_step: Weight = 2e-5
    stop_step: NotNegative = Field(
        default=50_000, description="from this step on the model only sees its own predictions"
    )


class InitConfig(Section):
    """Weights to start from (fine-tuning)."""

    source: str | None = Field(
        default=None,
        description="a run folder, a .keras or .npz file, or a TF1 checkpoint prefix",
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


class TrainingConfig(Section):
    """How the network is trained; a step is one optimizer update from one global batch."""

    steps: Positive = 80_000
    global_batch: Positive = Field(default=16, description="clips per update, over all devices")
    micro_batch: Positive | Literal["auto"] = Field(
        default="auto",
        description="clips whose gradient is computed at once on a device; their gradients are "
        "summed, so it changes memory and speed but not the result; auto: 2 on a CPU, else all",
    )
    optimizer: OptimizerConfig = AdamTF1Config()
    loss: LossConfig = AbsoluteSquareLossConfig()
    scheduled_sampling: SamplingConfig | None = SamplingConfig()
    average_decay: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.9995, description="decay of the exponential average of the weights"
    )
    freeze_decoder: bool = Field(
        default=False, description="leave the decoder's weights as they are"
    )
    init: InitConfig = InitConfig()
    distribution: Literal["auto", "none", "mirrored"] = Field(
        default="auto", description="auto: mirrored when more than one GPU is visible"
    )
    seed: NotNegative = Field(
        default=0, description="of initial weights, data order and sampling masks"
    )
    log_every: Positive = 50
    validate_every: Positive = 500
    validation_clips: Positive = Field(default=200, description="clips of the validation split")
    checkpoint_every: Positive = 500
    keep_checkpoints: Positive = Field(default=5, description="besides the best one")


# --- evaluation ---

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


class EvaluationConfig(Section):
    """What is measured on the test split, once, after training."""

    metrics: tuple[MetricName, ...] = Field(
        default=("mse", "mae", "ssim_thesis", "psnr_uint8"), strict=False, min_length=1
    )
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
    data: MovingMnistData = MovingMnistData()
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
    def _ssim_window_fits(self) -> "Experiment":
        height, width = self.data.frame_px
        for metric in self.evaluation.metrics:
            window = 11 if metric == "ssim_gaussian" else 7
            if metric.startswith("ssim") and min(height, width) < window:
                raise ValueError(
                    f"evaluation.metrics: {metric} looks through a window of {window}x{window} "
                    f"pixels, got data.frame_px {height}x{width}"
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
        if data.train_source == "records":
            needs.append(("training.global_batch", self.training.global_batch, "train"))
        for key, wanted, split in needs:
            if wanted > data.sequences(split):
                raise ValueError(
                    f"{key}: {wanted} is more than there are, got data.{split}_sequences "
                    f"{data.sequences(split)}"
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
