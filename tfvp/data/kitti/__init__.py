"""KITTI raw (Geiger et al. 2013), prepared as PredNet's program does."""
