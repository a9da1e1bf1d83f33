"""A command imports TensorFlow and Keras without what they import for others; all else finds it."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tfvp.system.lean_import import UNUSED

LEFT_OUT = ["IPython", "jax", "matplotlib", "sklearn"]
IMPORTS = f"""
import importlib, sys
from tfvp.system.silence import quiet_tensorflow_import

with quiet_tensorflow_import():
    import keras
    if keras.backend.backend() == "tensorflow":
        import tensorflow
    print(*(name for name in {LEFT_OUT} if name in sys.modules))
    import matplotlib
for name in {LEFT_OUT}:
    importlib.import_module(name)
"""


@pytest.mark.parametrize(
    ("backend", "there"),
    [("tensorflow", ""), pytest.param("jax", "jax", marks=pytest.mark.slow)],
)
def test_what_no_command_needs_is_not_imported_and_can_be_later(backend, there):
    """IPython is no package of ours; who has none has nothing to leave out."""
    code = IMPORTS.replace("'IPython', ", "") if not _is_there("IPython") else IMPORTS
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == there


@pytest.mark.parametrize("module", UNUSED)
def test_who_is_refused_is_a_module_of_theirs(module):
    assert _is_there(module), f"{module} has moved: what it imports is not left out any more"


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
