"""Run as a process of its own: small networks trained and evaluated under JAX.

Usage: KERAS_BACKEND=jax python -m tests.helpers.jax_contract NAME...; a NAME is one of the contract
of networks, and behind a slash the precision. It prints, by name, two losses, and the error of the
network and of the copied last frame on clips.
"""

import json
import sys

import keras
import numpy as np

from tests.contracts.test_models import HORIZON, LENGTH, SHAPE, experiment
from tests.helpers.three_updates import measured
from tfvp.models.scanned import scanned
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer
from tfvp.training.trainer import compiled_step


def trained_and_evaluated(name: str) -> dict[str, object]:
    """The numbers of one network."""
    network, _, precision = name.partition("/")
    of = experiment(network, f"training.precision={precision or 'float32'}")
    trainer = build_trainer(of, Devices(of))
    step, rng = compiled_step(trainer), np.random.default_rng(0)
    mask = rng.random((2, mask_length(of))) < 0.5
    batch = {
        "frames": rng.random((2, LENGTH, *SHAPE)).astype("float32"),
        "teacher_forcing_mask": mask.astype("float32"),
    }
    before = [keras.ops.convert_to_numpy(v) for v in trainer.trainable_variables]
    losses = [float(step(batch)["loss"]) for _ in range(2)]
    after = [keras.ops.convert_to_numpy(v) for v in trainer.trainable_variables]
    moved = any(bool((a != b).any()) for a, b in zip(before, after, strict=True))
    errors = measured(of, trainer.predictor)
    keras.backend.clear_session()
    return {
        "losses": losses,
        "moved": moved,
        "errors": [float(each.mean()) for each in errors],
        "sequences": errors.shape[1],
    }


def mask_length(of) -> int:
    """Frames that may be fed: in reverse scheduled sampling all between the first and the last."""
    sampling = of.training.scheduled_sampling
    return LENGTH - 2 if sampling is not None and sampling.kind == "reverse" else HORIZON - 1


if __name__ == "__main__":
    with scanned(True):  # as on a GPU
        numbers = {name: trained_and_evaluated(name) for name in sys.argv[1:]}
    print(json.dumps(numbers))
