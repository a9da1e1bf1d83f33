"""KTH Action (Schüldt et al. 2004)."""

from tfvp.data.kth.config import KthData as SECTION

__all__ = ["SECTION"]
