"""Under JAX every network trains and is evaluated in bfloat16.

In float32 tests/training/test_jax_state.py compares every variable and every error with
TensorFlow's, for all settings of a network that the contract has.
"""

import json
import math

import pytest

from tests.contracts.test_models import SMALL
from tests.helpers.under_jax import needs_jax, run_module
from tfvp.models.registry import MODELS

pytestmark = needs_jax


def held(*names: str) -> None:
    found = json.loads(run_module("tests.helpers.jax_contract", *names).stdout)
    assert set(found) == set(names)
    for name, numbers in found.items():
        assert all(map(math.isfinite, numbers["losses"])), name
        assert numbers["moved"], name
        assert numbers["sequences"] == 3, name
        assert all(0 < error < math.inf for error in numbers["errors"]), name


@pytest.mark.slow
def test_a_network_trains_and_is_evaluated_in_bfloat16():
    held("eidetic_stack/mixed_bfloat16")


@pytest.mark.slow
def test_every_network_trains_and_is_evaluated_in_bfloat16():
    others = [name for name in MODELS if name != "eidetic_stack"]
    assert set(others) < set(SMALL)
    held(*(f"{name}/mixed_bfloat16" for name in others))
