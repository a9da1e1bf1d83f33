"""Run as a process of its own: a clip as scans against a copy of every step, under JAX.

Usage: KERAS_BACKEND=jax python -m tests.helpers.jax_scans NAME...; a NAME is one of the contract of
networks. It prints, by name, how many steps of the network the program of a clip has for two
lengths, and how far predictions and gradients are from those of a copy of every step; behind a
NAME, /size leaves out the latter, which takes most of the time.
"""

import json
import sys

import jax
import keras
import numpy as np

from tests.contracts.test_models import SHAPE, experiment
from tests.helpers.goldens_table import predictions_and_gradients, relative_error
from tfvp.models.build import build_model
from tfvp.models.scanned import scanned


def compared(name: str) -> dict[str, object]:
    """The numbers of one network."""
    keras.utils.set_random_seed(3)
    name, _, size = name.partition("/")
    network = build_model(experiment(name))
    found: dict[str, object] = {"products": [products(network, frames) for frames in (5, 9)]}
    if size:
        return found
    clips, mask = batch_of(6)
    results = []
    for whether in (True, False):
        with scanned(whether):
            predictions, gradients = predictions_and_gradients(
                network,
                {"frames": clips, "teacher_forcing_mask": mask},
                lambda p: keras.ops.mean(keras.ops.square(p)),
                training=True,
                gradients=True,
            )
        results.append((predictions, keras.tree.flatten(gradients)))
    (ours, found_here), (wanted, found_there) = results
    found["predictions"] = relative_error(ours, np.asarray(wanted))
    # One by one, those that are zero but for rounding (a bias before a norm) would differ.
    found["gradients"] = relative_error(_joined(found_here), _joined(found_there))
    return found


def _joined(arrays: list) -> np.ndarray:
    return np.concatenate([np.ravel(each) for each in arrays])


def products(network, future: int) -> int:
    """Convolutions and matrix products in the program of a clip, those of a scan once."""
    clips, mask = batch_of(future)
    batch = {"frames": clips, "teacher_forcing_mask": mask}
    with scanned(True):
        program = str(jax.make_jaxpr(lambda: network(batch, training=False))())
    return sum(program.count(f" {kind}[") for kind in ("conv_general_dilated", "dot_general"))


def batch_of(future: int) -> tuple[np.ndarray, np.ndarray]:
    """Two clips of three frames and so many more, and where the truth is fed."""
    rng = np.random.default_rng(0)
    mask = rng.random((2, future - 1)) < 0.5
    return rng.random((2, 3 + future, *SHAPE)).astype("float32"), mask.astype("float32")


if __name__ == "__main__":
    print(json.dumps({name: compared(name) for name in sys.argv[1:]}))
