"""CDNA, DNA and STP (Finn et al. 2016)."""

from tfvp.models.cdna.config import CDNAConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=CDNAConfig,
    paper="Finn et al. 2016 (NIPS)",
    config="cdna",
    fidelity="released",
)
