"""A stack of ConvLSTM cells (Feist 2021; OpenSTL)."""

from tfvp.models.conv_lstm_stack.config import ConvLSTMStackConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=ConvLSTMStackConfig,
    paper="Feist 2021, section 3.2.1; OpenSTL (conv_lstm_openstl)",
    config="conv_lstm_stack",
    fidelity="both",
)
