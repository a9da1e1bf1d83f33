"""What tfvp needs of TensorFlow or JAX itself; `backend` is the one that Keras runs on.

The only place that chooses, loops over time aside, see `tfvp.models.graph_step`. Other files ask
the module `backend`, which has the same names for TensorFlow and for JAX:

- `NAME`, "tensorflow" or "jax";
- `DRIVES_FIT`, whether `keras.Model.fit` drives the training step on one machine;
- `TAKES_DATASETS`, whether training reads a tf.data pipeline; else it reads NumPy batches;
- `compiled`, `gradients`, `sum_of_parts`, `replicas`, `sum_over_replicas`, `repeated`, `followed`,
  `start_quickly`, `traced_by_shape`, `keep_programs`, `xla_errors`, `gpu_memory` and
  `product_precision`, described in tensorflow.py.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import keras

from tfvp.errors import ConfigError

KERAS_BACKEND: str = keras.backend.backend()
if KERAS_BACKEND not in ("tensorflow", "jax"):
    raise ConfigError(
        f"Keras runs on {KERAS_BACKEND} (KERAS_BACKEND, or ~/.keras/keras.json); expected "
        "tensorflow or jax: set KERAS_BACKEND=tensorflow"
    )

if TYPE_CHECKING:
    from tfvp.backend import tensorflow as backend
else:
    _OURS = "jax" if KERAS_BACKEND == "jax" else "tensorflow"
    backend = import_module(f"tfvp.backend.{_OURS}")

__all__ = ["KERAS_BACKEND", "backend", "check_keras_settings"]


def check_keras_settings() -> None:
    """Make sure that Keras computes in float32 and with channels last where nothing else is said.

    Keras reads both from ~/.keras/keras.json, which other work may have written. The command line
    sets them itself.

    Raises:
        ConfigError: one of them has another value.
    """
    for name, wanted in (("floatx", "float32"), ("image_data_format", "channels_last")):
        found = getattr(keras.config, name)()
        if found != wanted:
            raise ConfigError(
                f"keras.config.{name}() is {found} (~/.keras/keras.json), tfvp needs {wanted}: "
                f'call keras.config.set_{name}("{wanted}") first'
            )
