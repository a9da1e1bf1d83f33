"""SimVP, video prediction by convolutions alone (Gao et al. 2022)."""

from tfvp.models.info import ModelInfo
from tfvp.models.simvp.config import SimVPConfig

INFO = ModelInfo(
    section=SimVPConfig,
    paper="Gao et al. 2022 (SimVP, CVPR); Tan et al. 2022 (simvp_gsta)",
    config="simvp",
    fidelity="released",
)
