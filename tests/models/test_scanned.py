"""The loop over time under JAX: scans whose number does not grow, and the same numbers."""

import json

import pytest

from tests.contracts.test_models import SMALL
from tests.helpers.under_jax import needs_jax, run_module
from tfvp.models.registry import MODELS

# A state that grows; an encoder with running statistics and a decoder; feedback of its own.
FAST = ("eidetic_stack", "conv_lstm_skip", "prednet")
FIXED = {
    name for name in SMALL if name.startswith(("simvp", "tau", "dfn"))
}  # no loop, or one length


def held(names) -> None:
    found = json.loads(run_module("tests.helpers.jax_scans", *names).stdout)
    for name, numbers in found.items():
        short, long = numbers["products"]
        assert short == long > 0, name
        if not name.endswith("/size"):
            assert numbers["predictions"] < 1e-5, name
            assert numbers["gradients"] < 1e-4, name


@pytest.mark.slow
@needs_jax
def test_a_longer_clip_is_no_larger_program_and_the_numbers_are_those_of_single_steps():
    held(FAST)


@needs_jax
@pytest.mark.slow
def test_every_network_s_program_grows_not_with_the_clip():
    """Numbers for each network; in its other settings test_jax_state.py has TensorFlow's."""
    others = sorted({*SMALL} - FIXED - {*FAST})
    held([name if name in MODELS else f"{name}/size" for name in others])
