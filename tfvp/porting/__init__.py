"""Weights that other programs saved, by the names that those programs gave them."""
