"""One training step: summed gradients of micro-batches, an update, a step of the average."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfvp.backend import backend
from tfvp.config.optimizers import ClipConfig
from tfvp.models.base import VideoPredictor
from tfvp.models.graph_step import for_xla
from tfvp.training.clipping import clip_gradients
from tfvp.training.losses import AUXILIARY, Loss
from tfvp.training.weight_average import WeightAverage


class Trainer(keras.Model):
    """Trains a `VideoPredictor`: one update at a time, on whatever devices `Loop` uses.

    A batch {"frames": (B, T, H, W, C), "teacher_forcing_mask": (B, F)} gives one update. On each
    replica its share is cut into micro-batches whose gradients are summed; the optimizer sums over
    replicas. The loss is a sum over clips, which a mean divides by their number over all replicas,
    so neither split changes the update.

    Args:
        predictor: the network.
        horizon: frames of a clip that are the future.
        loss: what is minimised.
        average_decay: of the weight average, see `WeightAverage`.
        micro_batch: clips at once on a replica; None: the replica's whole share.
        clip: how to clip the gradient of a batch over all replicas; None: not at all.
    """

    def __init__(
        self,
        predictor: VideoPredictor,
        *,
        horizon: int,
        loss: Loss,
        average_decay: float,
        micro_batch: int | None = None,
        clip: ClipConfig | None = None,
    ):
        super().__init__()
        self.predictor = predictor
        self.horizon = horizon
        self.summed_loss = loss
        self.average = WeightAverage(predictor.trainable_variables, average_decay)
        self.micro_batch = micro_batch
        self.clip = clip
        self.built = True

    def call(self, inputs, training=None):
        """Predict every frame but the first, as the predictor does."""
        return self.predictor(inputs, training=training)

    def train_step(self, data):
        """One update; returns the loss and its unweighted parts, per sequence of the batch."""
        sums, gradients = self.summed_gradients(data)
        self.optimizer.apply(self._clipped(gradients), self.trainable_variables)
        self.average.update()
        sums = backend.sum_over_replicas(sums)
        weights = self.summed_loss.per_clip(self._values(data))
        parts = {name: sums[i] / sums[-1] for i, name in enumerate(weights)}
        return {"loss": sum(weights[name] * part for name, part in parts.items()), **parts}

    def _values(self, data) -> int:
        """Predicted values of a clip."""
        return math.prod(self.predictor.targets(data["frames"], self.horizon).shape[1:])

    def summed_gradients(self, data):
        """[Parts of the summed loss, sequences] and its gradients, over this replica's share."""
        sums, gradients = self._micro_batches(data)
        if self.summed_loss.mean:
            clips = data["frames"].shape[0] * backend.replicas()
            gradients = [gradient / clips for gradient in gradients]
        return sums, gradients

    def _clipped(self, gradients):
        """Gradients whose sum over replicas, which the optimizer takes, is clipped."""
        if self.clip is None:
            return gradients
        clipped = clip_gradients(backend.sum_over_replicas(gradients), self.clip)
        return [gradient / backend.replicas() for gradient in clipped]

    def _micro_batches(self, data):
        """As `summed_gradients`, of the loss before a mean over clips."""
        share = data["frames"].shape[0]
        if self.micro_batch is None or share == self.micro_batch:
            return self._gradients(data)
        zeros = (
            ops.zeros(len(self.summed_loss.weights) + 1),
            [ops.zeros(v.shape, v.dtype) for v in self.trainable_variables],
        )
        return backend.sum_of_parts(self._gradients, data, share // self.micro_batch, zeros)

    def _gradients(self, data):
        return backend.gradients(
            lambda: self.measure(data),
            self.trainable_variables,
            self.predictor.non_trainable_variables,
        )

    def measure(self, data):
        """The summed loss of a micro-batch, and [its parts, clips]."""
        weights = self.summed_loss.per_clip(self._values(data))
        with for_xla() if self.jit_compile else contextlib.nullcontext():
            outputs = self.predictor.training_outputs(
                data, self.horizon, auxiliary=AUXILIARY in weights, training=True
            )
        parts = self.summed_loss.measure(outputs.targets, outputs.predictions)
        if AUXILIARY in weights:
            of_clips = [ops.cast(each, "float32") for each in outputs.auxiliary.values()]
            parts = (*parts, ops.sum(sum(of_clips)))
        loss = sum(weight * part for weight, part in zip(weights.values(), parts, strict=True))
        clips = ops.cast(ops.shape(outputs.predictions)[0], "float32")
        return loss, ops.stack([*parts, clips])


def compiled(
    trainer: Trainer, function: Callable[[Any], Any], strategy: Any = None
) -> Callable[[Any], Any]:
    """A function of a batch, compiled as the training step is; it may change the trainer.

    Args:
        trainer: whose weights, averages and optimizer it reads and changes.
        function: of a batch, see `Trainer`; gives a dictionary of tensors.
        strategy: on whose replicas it runs, each with its share; None: here.
    """
    changed = [
        *trainer.predictor.variables,
        *trainer.average.averages,
        *trainer.optimizer.variables,
    ]
    return backend.compiled(function, changed, strategy=strategy, xla=trainer.jit_compile)


def compiled_step(trainer: Trainer, strategy: Any = None) -> Callable[[Any], dict[str, Any]]:
    """The trainer's step, see `train_step`."""
    return compiled(trainer, trainer.train_step, strategy)
