"""PredRNN++ (Wang et al. 2018)."""
