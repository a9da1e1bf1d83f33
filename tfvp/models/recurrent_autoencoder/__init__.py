"""An autoencoder of recurrent cells alone (Dittrich 2020)."""

from tfvp.models.info import ModelInfo
from tfvp.models.recurrent_autoencoder.config import RecurrentAutoencoderConfig

INFO = ModelInfo(
    section=RecurrentAutoencoderConfig,
    paper="Dittrich 2020, chapter 5 (autoencoder, depth 2)",
    config="autoencoder_conv_lstm",
    fidelity="both",
)
