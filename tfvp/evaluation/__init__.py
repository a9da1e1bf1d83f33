"""Measuring a network on a test split, and the files that hold the results."""
