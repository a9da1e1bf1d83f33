"""The whole experiment: data, model, training and evaluation together.

Where the released code and the paper differ, the choice is a named key and its default is the
released code's. `tfvp.config.loading` reads YAML into these sections and remembers where each value
came from.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field, model_validator

from tfvp.choices import one_of
from tfvp.config.evaluation import EvaluationConfig
from tfvp.config.training import TrainingConfig
from tfvp.data import registry as datasets
from tfvp.models import registry as models
from tfvp.sections import DataSection, Folder, ModelSection, Section

Chosen = TypeVar("Chosen", bound=Section)

REFERENCE_PIXELS = 20 * 64 * 64  # of the clips by which networks say how many they take at once

DATASET_SECTIONS = datasets.sections()
MODEL_SECTIONS = models.sections()

if TYPE_CHECKING:
    DataConfig = DataSection
    ModelConfig = ModelSection
else:
    DataConfig = one_of("dataset", DATASET_SECTIONS, datasets.UNUSABLE)
    ModelConfig = one_of("network", MODEL_SECTIONS, models.UNUSABLE)


def _default(sections: Mapping[str, type[Chosen]]) -> Callable[[], Chosen]:
    """Return the first section with its defaults."""
    return lambda: next(iter(sections.values()))()


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
    data: DataConfig = Field(default_factory=_default(DATASET_SECTIONS))
    model: ModelConfig = Field(default_factory=_default(MODEL_SECTIONS))
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @property
    def trained_future(self) -> int:
        """Return how many frames of a clip's future training takes, the first ones."""
        return self.training.predict_frames or self.data.predict_frames

    @property
    def cpu_micro_batch(self) -> int:
        """Return the largest micro-batch on a CPU where it is auto: less of larger clips."""
        height, width = self.data.frame_px
        frames = self.data.context_frames + self.trained_future
        pixels = frames * height * width
        return max(2, self.model.clips_at_once * REFERENCE_PIXELS // pixels)

    @model_validator(mode="after")
    def _network_divides_frame(self) -> "Experiment":
        height, width = self.data.frame_px
        for key, divisor, why in self.model.frame_divisors:
            if height % divisor or width % divisor:
                common = math.gcd(height, width)
                allowed = [str(n) for n in range(1, common + 1) if common % n == 0]
                free = "" if why else f"; allowed: {', '.join(allowed)}"
                raise ValueError(
                    f"{key}: {why + ', so ' if why else ''}{divisor} must divide the frame, got "
                    f"data.frame_px {height}x{width}{free}"
                )
        return self

    @model_validator(mode="after")
    def _trains_on_part_of_the_future(self) -> "Experiment":
        asked, there = self.training.predict_frames, self.data.predict_frames
        if asked is not None and asked > there:
            raise ValueError(
                f"training.predict_frames: expected at most data.predict_frames, {there}, got "
                f"{asked}; lower it, or null for all of them"
            )
        return self

    @model_validator(mode="after")
    def _auxiliary_loss_exists(self) -> "Experiment":
        weight = getattr(self.training.loss, "network", 0.0)
        if weight and not self.model.has_auxiliary_loss:
            raise ValueError(
                f"training.loss.network: model.network {self.model.network} with these settings "
                f"has no auxiliary loss, so its weight must be 0, got {weight:g}"
            )
        return self

    @model_validator(mode="after")
    def _network_fits(self) -> "Experiment":
        self.model.check(self.data, getattr(self.training.loss, "network", 0.0))
        return self

    @model_validator(mode="after")
    def _network_has_the_task(self) -> "Experiment":
        tasks, named = self.model.tasks, f"model.network {self.model.network} with these settings"
        if self.evaluation.task not in tasks:
            raise ValueError(
                f"evaluation.task: {named} is for {' and '.join(tasks)}, got {self.evaluation.task}"
            )
        if self.training.loss.frames == "future" and "prediction" not in tasks:
            raise ValueError(
                f"training.loss.frames: {named} predicts no future frames that could count; set "
                "it to all"
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
                    f"{key}: {metric} has a window of {window}x{window} "
                    f"pixels, got data.frame_px {height}x{width}"
                )
        return self

    @model_validator(mode="after")
    def _samples_in_the_context(self) -> "Experiment":
        sampling, model = self.training.scheduled_sampling, self.model
        if sampling and sampling.kind == "reverse" and not model.predicts_in_context:
            raise ValueError(
                "training.scheduled_sampling.kind: reverse feeds predictions in the context, and "
                f"model.network {model.network} makes none there; use another kind or null"
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
    def _drawn_clips_are_measured(self) -> "Experiment":
        available = self.data.sequences("test")
        if available:
            self.evaluation.check_clips(available)
        return self

    @model_validator(mode="after")
    def _batch_normalisation_sees_the_batch(self) -> "Experiment":
        batch, micro = self.training.global_batch, self.training.micro_batch
        if self.model.batch_statistics and micro != batch:
            raise ValueError(
                f"training.micro_batch: {self.model.network} normalises over the clips that it "
                f"sees at once, so it must be training.global_batch, {batch}, got {micro}"
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
