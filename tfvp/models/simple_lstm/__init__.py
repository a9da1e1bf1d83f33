"""SimpleLSTM (Colonna and Manganaro 2023)."""

from tfvp.models.info import ModelInfo
from tfvp.models.simple_lstm.config import SimpleLSTMConfig

INFO = ModelInfo(
    section=SimpleLSTMConfig,
    paper="Colonna and Manganaro 2023 (SimpleLSTM)",
    config="simple_lstm",
    fidelity="released",
)
