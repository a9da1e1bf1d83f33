"""What tfvp needs of TensorFlow or JAX itself; `backend` is the one that Keras runs on.

The only place that chooses; loops over time aside, see `tfvp.models.graph_step`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from tfvp.backend import tensorflow as backend
else:
    _OURS = "jax" if keras.backend.backend() == "jax" else "tensorflow"
    backend = import_module(f"tfvp.backend.{_OURS}")

__all__ = ["backend"]
