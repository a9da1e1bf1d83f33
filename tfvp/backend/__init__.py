"""What tfvp needs of TensorFlow or JAX itself; `backend` is the one that Keras runs on.

The only place that chooses, loops over time aside, see `tfvp.models.graph_step`. Other files ask
the module `backend`, which has the same names for TensorFlow and for JAX:

- `NAME`, "tensorflow" or "jax";
- `DRIVES_FIT`, whether `keras.Model.fit` drives the training step on one machine;
- `TAKES_DATASETS`, whether training reads a tf.data pipeline; else it reads NumPy batches;
- `compiled`, `gradients`, `sum_of_parts`, `replicas`, `sum_over_replicas`, `repeated`, `followed`,
  `keep_programs`, `xla_errors`, `gpu_memory` and `product_precision`, described in tensorflow.py.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import keras

# It may be one that tfvp does not run on; the stages refuse it before any work is done.
KERAS_BACKEND: str = keras.backend.backend()

if TYPE_CHECKING:
    from tfvp.backend import tensorflow as backend
else:
    _OURS = "jax" if KERAS_BACKEND == "jax" else "tensorflow"
    backend = import_module(f"tfvp.backend.{_OURS}")

__all__ = ["KERAS_BACKEND", "backend"]
