"""Cells and losses in plain NumPy, written from the papers."""
