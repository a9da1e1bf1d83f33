"""Tests of tfvp."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""

GOLDENS = ROOT / "tests" / "goldens"
"""Numbers that the original programs produced."""
