"""The section of the folded recurrent network."""

from typing import Literal

from pydantic import Field, model_validator

from tfvp.sections import FrameDivisor, ModelSection, OddPositive, Positive


class FRNNConfig(ModelSection):
    """Folded recurrent network: encoder and decoder share their states (Oliu et al. 2018)."""

    network: Literal["frnn"] = "frnn"
    hidden: tuple[Positive, ...] = Field(
        default=(32, 64, 128, 128, 256, 256, 512, 512, 256, 256),
        strict=False,
        min_length=3,
        description="channels of each layer: two convolutions, then recurrent units; the frame is "
        "halved before every second unit",
    )
    kernels: tuple[OddPositive, ...] = Field(
        default=(5, 5, 5, 5, 5, 5, 3, 3, 3, 3),
        strict=False,
        description="side of each layer's convolutions",
    )

    @model_validator(mode="after")
    def _a_kernel_each(self) -> "FRNNConfig":
        if len(self.kernels) != len(self.hidden):
            raise ValueError(
                f"model.kernels: expected {len(self.hidden)} numbers, one for each of "
                f"model.hidden, got {len(self.kernels)}"
            )
        return self

    @property
    def predicts_in_context(self) -> bool:
        """Return False: the whole context goes up before the first prediction comes down."""
        return False

    @property
    def frame_divisors(self) -> tuple[FrameDivisor, ...]:
        """Return a power of two, since each pair of recurrent units halves the frame."""
        halvings = (len(self.hidden) - 1) // 2
        why = f"the {len(self.hidden)} layers of model.hidden halve the frame {halvings} times"
        return (FrameDivisor("model.hidden", 2**halvings, why),)
