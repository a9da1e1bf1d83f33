"""Run as a process of its own: small networks after three updates, each variable and an evaluation.

Usage: KERAS_BACKEND=jax python -m tests.helpers.three_updates OUT.npz NAME...; a NAME is one of the
contract of networks, and behind a slash the clips of a micro-batch.
"""

import sys

import keras
import numpy as np

from tests.contracts.test_models import CONTEXT, HORIZON, LENGTH, SHAPE, experiment
from tfvp.config.experiment import Experiment
from tfvp.evaluation.evaluate import evaluate
from tfvp.evaluation.measure_batch import usual_history
from tfvp.inference.compiled import compiled_for, padded
from tfvp.layers.drop_path import DropPath
from tfvp.models.scanned import scanned
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer
from tfvp.training.trainer import Trainer, compiled_step


def trained(name: str) -> dict[str, np.ndarray]:
    """Every variable of a network, its average and its optimizer, by name, and what it measures."""
    keras.utils.clear_session()  # else seed generators are numbered by what the process made before
    network, _, micro_batch = name.partition("/")
    of = experiment(network, f"training.micro_batch={micro_batch or 2}")
    trainer = build_trainer(of, Devices(of))
    for layer in trainer.predictor._flatten_layers():
        if isinstance(layer, DropPath):
            layer.rate = 0.0  # what is left out at random is another on every backend
    rng = np.random.default_rng(1)
    for weight in trainer.predictor.trainable_variables:
        fan_in = np.prod(weight.shape[:-1])
        value = rng.normal(0.0, min(0.4, 1.0 / np.sqrt(fan_in)), weight.shape)
        weight.assign(value + (weight.name == "gamma"))
    trainer.average.restart()
    # Adam takes the rounding error of a gradient that is zero, as before a norm, for a gradient.
    trainer.compile(optimizer=keras.optimizers.SGD(1e-4, momentum=0.9, name="optimizer"))
    trainer.optimizer.build(trainer.trainable_variables)
    step = compiled_step(trainer)
    for _ in range(3):
        clips = rng.random((2, LENGTH, *SHAPE)).astype("float32")
        mask = np.array([[1.0], [0.0]], "float32").repeat(HORIZON - 1, axis=1)
        batch = {"frames": clips, "teacher_forcing_mask": mask}
        step({key: keras.ops.convert_to_tensor(value) for key, value in batch.items()})
    found = {key: keras.ops.convert_to_numpy(v) for key, v in variables_of(trainer).items()}
    return found | {"evaluation": measured(of, trainer.predictor)}


def measured(of: Experiment, network: keras.Model) -> np.ndarray:
    """Squared errors of a network and of the copied last frame on three clips, (2, 3, frames)."""
    clips = np.random.default_rng(2).random((3, LENGTH, *SHAPE)).astype("float32")
    history = usual_history(of.model, of.evaluation.task)
    predict = compiled_for(history, network, CONTEXT, HORIZON)
    values = evaluate(
        padded(predict),
        [clips[:2], clips[2:]],
        context_frames=CONTEXT,
        predict_frames=HORIZON,
        metrics=["mse"],
        history=history,
    ).values
    return np.stack([values[method]["mse"] for method in ("model", "copy_last_frame")])


def variables_of(trainer: Trainer) -> dict[str, keras.Variable]:
    """All that training changes."""
    named = {variable.path: variable for variable in trainer.predictor.variables}
    named |= {f"optimizer/{variable.path}": variable for variable in trainer.optimizer.variables}
    averages = zip(trainer.average.weights, trainer.average.averages, strict=True)
    return named | {f"average/{weight.path}": average for weight, average in averages}


if __name__ == "__main__":
    out, *names = sys.argv[1:]
    with scanned(True):  # as on a GPU
        np.savez(out, **{f"{n}|{k}": v for n in names for k, v in trained(n).items()})
