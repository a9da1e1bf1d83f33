"""PredRNN and PredRNN-V2 (Wang et al. 2017 and 2021)."""
