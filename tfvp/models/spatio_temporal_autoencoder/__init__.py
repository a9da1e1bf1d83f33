"""Spatio-temporal video autoencoder (Patraucean et al. 2016)."""
