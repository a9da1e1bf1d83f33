"""The section of TAU."""

from typing import Literal

from tfvp.models.simvp.config import TranslatorSection
from tfvp.sections import DataSection

LEAST_FRAMES = 3  # with which the program measures a divergence of differences


class DivergenceSection(TranslatorSection):
    """What is trained by the divergence of differences beside the error."""

    @property
    def has_auxiliary_loss(self) -> bool:
        """Return True: the divergence of the differences between frames."""
        return True

    def check(self, data: DataSection, auxiliary_weight: float) -> None:
        """Check that there are differences to take the divergence of."""
        if auxiliary_weight and data.predict_frames < LEAST_FRAMES:
            raise ValueError(
                f"training.loss.network: TAU's divergence is of at least {LEAST_FRAMES} predicted "
                f"frames and else 0, got data.predict_frames {data.predict_frames}; set it to 0"
            )


class TAUConfig(DivergenceSection):
    """TAU: temporal attention units between SimVP's encoder and decoder (Tan et al. 2023)."""

    network: Literal["tau"] = "tau"
