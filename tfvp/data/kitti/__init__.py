"""KITTI raw (Geiger et al. 2013), prepared as PredNet's program does."""

from tfvp.data.kitti.config import KittiData as SECTION

__all__ = ["SECTION"]
