"""TAU with optical flow as further channels (Colonna and Manganaro 2023)."""

from tfvp.models.info import ModelInfo
from tfvp.models.tau_flow.config import TAUFlowConfig

INFO = ModelInfo(
    section=TAUFlowConfig,
    paper="Colonna and Manganaro 2023 (ConvTAU with optical flow)",
    config="tau_flow",
    fidelity="both",
)
