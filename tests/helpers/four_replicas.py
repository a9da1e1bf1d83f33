"""Run as a process of its own: trains the tiny experiment on 1 or 4 logical CPU devices.

Usage: python -m tests.helpers.four_replicas FOLDER REPLICAS OUT.npz
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from tests.helpers import tiny
from tfvp.config.experiment import Experiment
from tfvp.data.pipeline import TrainingBatches
from tfvp.data.prepare import prepare, training_source
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import Loop, build_trainer
from tfvp.training.schedules import truth_probability


def main(folder: str, replicas: str, out: str) -> None:
    """Three updates from the same seed, also with clipping; saves weights and reported losses."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * int(replicas)
    )
    kind = "mirrored" if int(replicas) > 1 else "none"
    changes = (f"training.distribution={kind}", "training.micro_batch=auto")
    clip = ("training.clip.kind=value", "training.clip.value=0.2")
    # AdamW divides gradients that are nothing but rounding by their own size
    steady = ("training.optimizer.epsilon=1e-3",)
    experiment = tiny.experiment(Path(folder), *changes)
    devices = Devices(experiment)  # a second strategy in a process gets entangled with it
    assert devices.replicas == int(replicas)
    arrays = trained(experiment, devices)
    dense = tiny.dense(Path(folder), *changes, *clip, *steady)
    for kind, own in (("clipped", False), ("own loop", True)):
        more = trained(dense, devices, own=own)
        arrays |= {f"{kind}/{name}": value for name, value in more.items()}
    np.savez(out, **arrays)


def trained(
    experiment: Experiment, devices: Devices, *, own: bool = False
) -> dict[str, np.ndarray]:
    """Losses, weights and averages after three updates."""
    config, data = experiment.training, experiment.data
    prepared = prepare(data, report=lambda _: None)
    batches = TrainingBatches(
        training_source(data, prepared, report=lambda _: None),
        batch=config.global_batch,
        seed=config.seed,
        sampling=lambda step: [truth_probability(step, config.scheduled_sampling)] * 2,
    ).as_dataset()
    trainer = build_trainer(experiment, devices)
    losses = []
    record = tf.keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: losses.append(list(logs.values()))
    )
    Loop(trainer, config, own=own, strategy=devices.strategy).run(batches, 3, record)
    arrays = {weight.path: weight.numpy() for weight in trainer.predictor.weights}
    averages = {f"average{i}": np.asarray(a) for i, a in enumerate(trainer.average.averages)}
    return {"losses": np.array(losses), **arrays, **averages}


if __name__ == "__main__":
    main(*sys.argv[1:])
