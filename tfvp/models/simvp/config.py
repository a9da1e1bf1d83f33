"""The section of SimVP, and what TAU's shares with it."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tfvp.sections import (
    DataSection,
    FrameDivisor,
    ModelSection,
    OddPositive,
    Positive,
    Probability,
)

Even = Annotated[int, Field(ge=2, multiple_of=2)]


class TranslatorSection(ModelSection):
    """Encoder, translator and decoder, whose weights belong to one number of context frames."""

    hidden: Even = Field(
        default=64, description="channels of a frame's feature maps (hid_S of OpenSTL)"
    )
    translator_hidden: Positive = Field(
        default=512, description="channels inside the translator (hid_T)"
    )
    stages: Even = Field(
        default=4,
        description="convolutions of the encoder and of the decoder, of which every second one "
        "halves or doubles a map (N_S)",
    )
    blocks: Annotated[int, Field(ge=2)] = Field(
        default=8, description="blocks of the translator (N_T)"
    )
    encoder_kernel: OddPositive = Field(default=3, description="side of the encoder's kernels")
    decoder_kernel: OddPositive = Field(default=3, description="side of the decoder's kernels")
    mlp_ratio: Annotated[float, Field(gt=1)] = Field(
        default=8.0, description="channels inside a block's MLP over those outside; gsta and tau"
    )
    drop_path: Annotated[Probability, Field(lt=1)] | None = Field(
        default=0.0,
        description="stochastic depth: share of the clips for which the last block is left out in "
        "training, the blocks before it less often, from 0.01 on; null: none ever is; gsta and tau",
    )

    @property
    def predicts_in_context(self) -> bool:
        """It predicts the frames after its context alone."""
        return False

    @property
    def fixed_context(self) -> bool:
        """Return True: time stands in channels."""
        return True

    @property
    def batch_statistics(self) -> bool:
        """Return True: it normalises over the batch."""
        return True

    def arguments(self) -> dict[str, Any]:
        """Return what the section's networks are all made with besides the context's length."""
        return {
            "hidden": self.hidden,
            "stages": self.stages,
            "translator_hidden": self.translator_hidden,
            "blocks": self.blocks,
            "kernels": (self.encoder_kernel, self.decoder_kernel),
            "mlp_ratio": self.mlp_ratio,
            "drop_path": self.drop_path,
        }

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Return what the frame is halved to: every second stage halves it."""
        halvings = self.stages // 2
        why = f"{self.stages} stages halve the frame {halvings} times"
        return (FrameDivisor("model.stages", 2**halvings, why),)


class SimVPConfig(TranslatorSection):
    """SimVP: convolutions alone, from a whole clip to the next (Gao et al. 2022)."""

    network: Literal["simvp"] = "simvp"
    unit: Literal["inception", "gsta"] = Field(
        default="inception",
        description="blocks of the translator; inception: a U of units of kernels 3 to 11 (the "
        "first SimVP); gsta: gated attention (the second)",
    )

    @property
    def batch_statistics(self) -> bool:
        """Return whether it normalises over the batch: gsta does."""
        return self.unit == "gsta"

    @model_validator(mode="after")
    def _inception_drops_nothing(self) -> "SimVPConfig":
        if self.unit == "inception" and self.drop_path:
            raise ValueError(
                f"model.drop_path: inception has no blocks to leave out, set it to 0, got "
                f"{self.drop_path:g}"
            )
        return self

    def check(self, data: DataSection, auxiliary_weight: float) -> None:
        """Check that Inception's last unit can make all frames' maps in groups."""
        del auxiliary_weight
        channels = data.context_frames * self.hidden
        grouped = self.unit == "inception" and self.translator_hidden // 2 % 8 == 0
        if grouped and channels % 8:
            raise ValueError(
                "model.hidden: inception convolves in 8 groups, so data.context_frames * "
                f"model.hidden must be a multiple of 8, got {channels}"
            )
