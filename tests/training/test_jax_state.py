"""Under JAX every network is trained and evaluated as under TensorFlow.

What a step changes beside the weights, as running statistics, comes out of it too.
"""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from tests import ROOT
from tests.contracts.test_models import SMALL
from tests.helpers.three_updates import trained

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed"
)
FAST = ("conv_lstm_skip",)


def of_jax(out, names) -> dict[str, np.ndarray]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.three_updates", str(out), *names],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # most of the time is compiling
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(np.load(out, allow_pickle=False))


def compare(name: str, found: dict[str, np.ndarray]) -> None:
    """Every variable of a network, of its average and its optimizer, and its errors on clips."""
    wanted = trained(name)
    assert {f"{name}|{key}" for key in wanted} == {k for k in found if k.startswith(f"{name}|")}
    for key, value in wanted.items():
        large = max(1.0, float(np.abs(value).max()))
        np.testing.assert_allclose(found[f"{name}|{key}"], value, atol=2e-4 * large, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_running_statistics_come_out_of_the_step(name, tmp_path):
    found = of_jax(tmp_path / "jax.npz", [name])
    compare(name, found)
    moved = [value for key, value in found.items() if key.endswith("moving_mean")]
    assert moved
    assert all(np.abs(value).max() > 1e-3 for value in moved)


@pytest.mark.slow
def test_a_saturated_output_has_the_cross_entropy_of_tensorflow(tmp_path):
    """A linear output leaves [0, 1], where a compiler must not lose the loss's epsilon."""
    compare("fc_lstm future", of_jax(tmp_path / "jax.npz", ["fc_lstm future"]))


@pytest.mark.slow
def test_every_variable_and_error_of_every_network_is_that_of_tensorflow(tmp_path):
    names = [*SMALL, "predrnn/1"]
    found = of_jax(tmp_path / "jax.npz", names)
    for name in names:
        compare(name, found)
