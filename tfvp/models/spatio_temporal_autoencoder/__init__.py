"""Spatio-temporal video autoencoder (Patraucean et al. 2016)."""

from tfvp.models.info import ModelInfo
from tfvp.models.spatio_temporal_autoencoder.config import SpatioTemporalConfig

INFO = ModelInfo(
    section=SpatioTemporalConfig,
    paper="Patraucean et al. 2016, arXiv:1511.06309, as in Dittrich 2020",
    config="spatio_temporal_conv_lstm",
    fidelity="both",
)
