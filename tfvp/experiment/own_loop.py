"""What a training loop of one's own begins with: a network, its data, its training step."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfvp.backend import backend
from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.data.prepare import prepare
from tfvp.models import build
from tfvp.models.base import VideoPredictor
from tfvp.training import loop
from tfvp.training.batches import training_batches
from tfvp.training.distributed.devices import Devices
from tfvp.training.trainer import Trainer

Named = Experiment | str | Path
"""An experiment, or the name or path of its configuration."""


def build_model(
    experiment: Named, preset: str | None = None, precision: str | None = None
) -> VideoPredictor:
    """Build an experiment's network with fresh weights; `keras.utils.set_random_seed` fixes them.

    It is a `keras.Model`: called on a context (B, T, H, W, C) in [0, 1] it gives as many frames
    after it as `data.predict_frames` says, and `compile` and `fit` train it on pairs of context and
    future.

    >>> build_model("predrnn", preset="quick").frame_shape
    (32, 32, 1)

    Args:
        experiment: an `Experiment`, or what `load_config` takes.
        preset: of a configuration that is given by name or path.
        precision: the name of a Keras dtype policy in which it computes, e.g. "mixed_bfloat16";
            None: the one that is set.

    Raises:
        ConfigError: the configuration cannot be run, or Keras is set to something that tfvp does
            not compute with.
    """
    return build.build_model(_loaded(experiment, preset), precision)


def build_trainer(experiment: Named, preset: str | None = None) -> Trainer:
    """Build an experiment's training step: network, loss, optimizer, weight average.

    Its `fit` takes the batches of `training_data`; the network is its `predictor`. All weights are
    new, from `training.seed`, and the learning rate stays what
    `training.optimizer.learning_rate` says: schedules, checkpoints and logs belong to `tfvp run`.

    Args:
        experiment: an `Experiment`, or what `load_config` takes.
        preset: of a configuration that is given by name or path.

    Raises:
        ConfigError: the configuration cannot be run, or not on these devices.
    """
    loaded = _loaded(experiment, preset)
    return loop.build_trainer(loaded, Devices(loaded))


def training_data(
    experiment: Named,
    preset: str | None = None,
    *,
    pairs: bool = False,
    report: Callable[[str], None] = print,
) -> Any:
    """Return the endless batches of an experiment's training, prepared first where they are not.

    Args:
        experiment: an `Experiment`, or what `load_config` takes.
        preset: of a configuration that is given by name or path.
        pairs: give (context (B, T, H, W, C), future (B, P, H, W, C)), as `fit` of a network takes
            them, instead of {"frames": (B, T + P, H, W, C), "teacher_forcing_mask": (B, F)}, as
            `fit` of `build_trainer` does. All are float32 in [0, 1].
        report: takes lines about the data.

    Returns:
        A tf.data pipeline under TensorFlow, an iterator of NumPy batches under JAX.

    Raises:
        ConfigError: the configuration cannot be run.
        DataError: the data are missing or damaged.
    """
    loaded = _loaded(experiment, preset)
    prepared = prepare(loaded.data, report=report)
    batches = training_batches(loaded, prepared, report)
    seen = loaded.data.context_frames

    def pair(batch: dict[str, Any]) -> tuple[Any, Any]:
        return batch["frames"][:, :seen], batch["frames"][:, seen:]

    if backend.TAKES_DATASETS:
        return batches.map(pair) if pairs else batches
    return _each(pair, batches) if pairs else iter(batches)


def _each(function: Callable, batches: Any) -> Iterator[Any]:
    """Apply a function to every batch; Keras' `fit` takes no iterators but generators."""
    for batch in batches:
        yield function(batch)


def _loaded(experiment: Named, preset: str | None) -> Experiment:
    if not isinstance(experiment, Experiment):
        return load_config(experiment, preset=preset)
    if preset is not None:
        raise ValueError(f"preset: {preset!r} is chosen by load_config, not of an Experiment")
    return experiment
