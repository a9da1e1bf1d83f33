"""Dynamic Filter Network (De Brabandere et al. 2016)."""

from tfvp.models.dfn.config import DFNConfig
from tfvp.models.info import ModelInfo

INFO = ModelInfo(
    section=DFNConfig,
    paper="De Brabandere et al. 2016, arXiv:1605.09673",
    config="dfn",
    fidelity="released",
)
