"""LSTM encoder with decoders of past and future (Srivastava et al. 2015)."""

from tfvp.models.fc_lstm.config import FCLSTMConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=FCLSTMConfig,
    paper="Srivastava et al. 2015, arXiv:1502.04681",
    config="fc_lstm",
    fidelity="released",
)
