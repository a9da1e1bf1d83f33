"""Programs in a process of their own under `KERAS_BACKEND=jax`, on the CPU."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests import ROOT

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed"
)


def run_module(module: str, *arguments: str, **environment: str):
    """Run `python -m module`, see `run_python`."""
    return run_python("-m", module, *arguments, **environment)


def run_python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these words; most of the time would be compiling, which is kept short."""
    short = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, **short, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done
