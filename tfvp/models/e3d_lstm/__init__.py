"""E3D-LSTM (Wang et al. 2019) and its residual variants (Tan 2019)."""

from tfvp.models.e3d_lstm.config import EideticStackConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=EideticStackConfig,
    paper="Wang et al. 2019 (E3D-LSTM, ICLR); Tan 2019",
    config="e3d",
    fidelity="both",
)
