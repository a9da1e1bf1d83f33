"""The training section."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfvp.config.augmentation import AugmentationConfig
from tfvp.config.evaluation import MetricName
from tfvp.config.losses import AbsoluteSquareLossConfig, LossConfig
from tfvp.config.optimizers import AdamTF1Config, ClipConfig, OptimizerConfig
from tfvp.config.sampling import LinearSamplingConfig, SamplingConfig
from tfvp.config.schedules import ConstantRateConfig, ScheduleConfig
from tfvp.sections import NotNegative, Positive, Section, Weight


class InitConfig(Section):
    """Weights to start from (fine-tuning)."""

    source: str | None = Field(
        default=None,
        description="a run folder, preset:NAME, a .keras, .npz or .safetensors file, or a TF1 "
        "checkpoint prefix; for prednet also a Keras 2 .hdf5 file",
    )
    kernels: Literal["auto", "tensorflow", "theano"] = Field(
        default="auto",
        description="whose convolution a Keras 2 .hdf5 file was trained with; theano: flip every "
        "kernel in both axes; auto: as the file says",
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


class EarlyStoppingConfig(Section):
    """Training ends when validation has not become better for a while."""

    patience: Positive = Field(
        default=10, description="validations in a row that were not better, after which it ends"
    )
    min_change: Weight = Field(
        default=0.0, description="better is by more than this, in units of validation_metric"
    )


class TrainingConfig(Section):
    """The settings of training; a step takes one global batch and counts for all schedules.

    It is one optimizer update, or two with `reverse_input`.
    """

    steps: Positive = Field(default=80_000, description="updates of the weights")
    global_batch: Positive = Field(default=16, description="clips per update, over all devices")
    micro_batch: Positive | Literal["auto"] = Field(
        default="auto",
        description="gradient accumulation: clips whose gradient is computed at once on a device; "
        "those of a global batch are summed before the update, so it changes memory and speed but "
        "not the result; auto: all on a GPU, on a CPU as many as take the least time a clip",
    )
    optimizer: OptimizerConfig = AdamTF1Config()
    predict_frames: Positive | None = Field(
        default=None,
        description="train on so many frames of a clip's future, the first ones, which costs less "
        "an update; validation and evaluation take data.predict_frames, and null does in training",
    )
    schedule: ScheduleConfig = ConstantRateConfig()
    clip: ClipConfig | None = Field(
        default=None, description="of the whole batch's gradient, before the optimizer sees it"
    )
    loss: LossConfig = AbsoluteSquareLossConfig()
    scheduled_sampling: SamplingConfig | None = Field(
        default=LinearSamplingConfig(),
        description="scheduled sampling: when the true frame is fed; null: never in the future",
    )
    reverse_input: bool = Field(
        default=False,
        description="every step makes a second update, from its clips reversed in time with the "
        "same sampling mask",
    )
    augmentation: AugmentationConfig | None = Field(
        default=None, description="training clips are changed at random; null: they are not"
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
    seed: Annotated[NotNegative, Field(lt=2**32)] = Field(
        default=0, description="of initial weights, data order, sampling masks and augmentation"
    )
    log_every: Positive = Field(default=50, description="steps between lines of the training log")
    validate_every: Positive = Field(default=500, description="steps between validations")
    validation_clips: Positive = Field(default=200, description="clips of the validation split")
    validation_metric: MetricName = Field(
        default="mse", description="decides which checkpoint is the best, and early stopping"
    )
    validation_weights: Literal["raw", "averaged"] = Field(
        default="raw", description="averaged: the exponential average of the weights is validated"
    )
    early_stopping: EarlyStoppingConfig | None = Field(
        default=None, description="ends training when validation improves no more; null: never"
    )
    callbacks: tuple[Annotated[str, Field(pattern=r"^[\w.]+:\w+$")], ...] = Field(
        default=(),
        strict=False,
        description="Keras callbacks of your own, package.module:Class each, told of every update "
        "and made without arguments, or with run_folder= where the class has such a parameter",
    )
    checkpoint_every: Positive = Field(default=500, description="steps between checkpoints")
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
