"""What tests share: small experiments, data and runs, and programs that they start."""

from collections.abc import Collection, Iterable

import pytest


def with_slow(names: Iterable[str], fast: Collection[str]) -> list:
    """Parameters of a test: those in `fast` for every run of the tests, the others marked slow."""
    return [n if n in fast else pytest.param(n, marks=pytest.mark.slow) for n in names]
