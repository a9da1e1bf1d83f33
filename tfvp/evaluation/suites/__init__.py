"""Suites of test sets that a network is measured on."""
