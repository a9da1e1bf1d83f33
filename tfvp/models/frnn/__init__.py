"""Folded Recurrent Neural Network (Oliu et al. 2018)."""

from tfvp.models.frnn.config import FRNNConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=FRNNConfig,
    paper="Oliu et al. 2018 (FRNN, ECCV), arXiv:1712.00311",
    config="frnn",
    fidelity="released",
)
