"""PredRNN and PredRNN-V2 (Wang et al. 2017 and 2021)."""

from tfvp.models.info import ModelInfo
from tfvp.models.predrnn.config import PredRNNConfig

INFO = ModelInfo(
    section=PredRNNConfig,
    paper="Wang et al. 2017 and 2021 (PredRNN, PredRNN-V2)",
    config="predrnn",
    fidelity="both",
)
