"""A stack of ConvLSTM cells (Feist 2021; OpenSTL)."""
