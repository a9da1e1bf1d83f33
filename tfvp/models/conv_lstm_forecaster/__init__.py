"""Encoder-forecaster of ConvLSTM cells (Shi et al. 2015)."""
