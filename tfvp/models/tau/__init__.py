"""TAU, the temporal attention unit (Tan et al. 2023)."""

from tfvp.models.info import ModelInfo
from tfvp.models.tau.config import TAUConfig

INFO = ModelInfo(
    section=TAUConfig,
    paper="Tan et al. 2023 (TAU, CVPR)",
    config="tau",
    fidelity="released",
)
