"""Suites of test sets."""
