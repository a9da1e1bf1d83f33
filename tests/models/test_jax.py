"""Networks under `KERAS_BACKEND=jax`: the originals' numbers, without TensorFlow."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.helpers.goldens_table import CORES, tolerance


def on_jax(*arguments: str, **environment: str) -> dict[str, list[float]]:
    """What tests/helpers/goldens_table.py measures there, by golden."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.goldens_table", *arguments],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    head, *rows = done.stdout.splitlines()
    assert head.startswith("jax")
    return {row[:24].strip(): [float(x) for x in row[24:48].split()] for row in rows}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_goldens_on_jax_without_tensorflow():
    """One golden of every network; the slow test below has all of them."""
    one = ("e3d_lstm", "predrnn_layer_norm", "predrnn_pp_no_norm", "prednet", "conv_lstm_skip")
    one = (*one, "tau", "simvp_gsta", "dfn", "frnn", "cdna")
    # most of the time is compiling
    found = on_jax("--forward", *one, JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    assert set(found) == set(one)
    for name, (forward,) in found.items():
        assert forward < tolerance(name)[0], name


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_gradients_of_goldens_on_jax():
    found = on_jax(JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    assert set(found) == set(CORES)
    assert sum(len(errors) == 2 for errors in found.values()) == len(CORES) - 1  # not PredNet's
    for name, errors in found.items():
        for error, limit in zip(errors, tolerance(name), strict=False):
            assert error < limit, name
