"""PredNet (Lotter et al. 2017)."""
