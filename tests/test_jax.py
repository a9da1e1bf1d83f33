"""Networks under `KERAS_BACKEND=jax`: the originals' numbers, without TensorFlow."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_goldens_on_jax_without_tensorflow():
    done = subprocess.run(
        [sys.executable, "-m", "tests.goldens_on_jax"],
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
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    errors = {name: float(error) for name, error in map(str.split, done.stdout.splitlines())}
    assert len(errors) == 4
    assert all(error < 1e-5 for error in errors.values()), errors
