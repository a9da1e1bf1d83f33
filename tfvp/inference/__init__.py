"""Prediction with a trained run: arrays in, arrays out, and the same for files."""
