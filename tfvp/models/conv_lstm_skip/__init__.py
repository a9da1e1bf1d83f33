"""ConvLSTM layers between convolutions with skips (Colonna and Manganaro 2023)."""
