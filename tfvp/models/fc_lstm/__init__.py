"""LSTM encoder with decoders of past and future (Srivastava et al. 2015)."""
