"""Encoder-forecaster of ConvLSTM cells (Shi et al. 2015)."""

from tfvp.models.conv_lstm_forecaster.config import ConvLSTMForecasterConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=ConvLSTMForecasterConfig,
    paper="Shi et al. 2015, arXiv:1506.04214",
    config="conv_lstm_shi",
    fidelity="paper",
)
