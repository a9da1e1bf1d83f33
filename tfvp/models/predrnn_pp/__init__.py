"""PredRNN++ (Wang et al. 2018)."""

from tfvp.models.info import ModelInfo
from tfvp.models.predrnn_pp.config import PredRNNPPConfig

INFO = ModelInfo(
    section=PredRNNPPConfig,
    paper="Wang et al. 2018 (PredRNN++, ICML)",
    config="predrnn_pp",
    fidelity="released",
)
