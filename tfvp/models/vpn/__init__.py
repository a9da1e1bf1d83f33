"""Video Pixel Network (Kalchbrenner et al. 2017) and Feist's (2021)."""

from tfvp.models.info import ModelInfo
from tfvp.models.vpn.config import VPNConfig

INFO = ModelInfo(
    section=VPNConfig,
    paper="Kalchbrenner et al. 2017 (VPN, ICML, arXiv:1610.00527), and as in Feist 2021",
    config="vpn",
    fidelity="paper",
)
