"""ConvLSTM layers between convolutions with skips (Colonna and Manganaro 2023)."""

from tfvp.models.conv_lstm_skip.config import ConvLSTMSkipConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=ConvLSTMSkipConfig,
    paper="Colonna and Manganaro 2023 (ConvLSTM)",
    config="conv_lstm_skip",
    fidelity="both",
)
