"""E3D-LSTM (Wang et al. 2019) and its residual variants (Tan 2019)."""
