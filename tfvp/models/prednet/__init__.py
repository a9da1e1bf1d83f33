"""PredNet (Lotter et al. 2017)."""

from tfvp.models.info import ModelInfo
from tfvp.models.prednet.config import PredNetConfig

INFO = ModelInfo(
    section=PredNetConfig,
    paper="Lotter et al. 2017 (PredNet, ICLR); Dittrich 2020 (prednet_conv_lstm, prednet_st_lstm)",
    config="prednet",
    fidelity="released",
)
