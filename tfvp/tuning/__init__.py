"""Searching for settings: many runs of one experiment, judged on the validation split alone."""
