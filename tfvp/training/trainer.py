"""One update: the summed gradients of micro-batches, the optimizer, and the weight average."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
from keras import ops

from tfvp.backend import backend
from tfvp.config.optimizers import ClipConfig
from tfvp.models.base import VideoPredictor
from tfvp.models.graph_step import for_xla, weights_handed_on
from tfvp.training.losses import AUXILIARY, Loss
from tfvp.training.optimizers import clip_gradients
from tfvp.training.weight_average import WeightAverage


class Trainer(keras.Model):
    """Trains a `VideoPredictor`: one update at a time, on whatever devices `Loop` uses.

    A batch {"frames": (B, T, H, W, C) in [0, 1], "teacher_forcing_mask": (B, F), 1: the true frame
    is fed} gives one update. On each replica its share is cut into micro-batches whose gradients
    are summed; the optimizer sums over replicas. The loss is a sum over clips, which a mean divides
    by their number over all replicas, so neither split changes the update.

    Args:
        predictor: the network.
        horizon: the number of a clip's last frames that are the future.
        loss: the loss to minimise.
        average_decay: the decay of the weight average, see `WeightAverage`.
        micro_batch: the number of clips at once on a replica; None: the replica's whole share.
        clip: how the gradient of a batch over all replicas is clipped; None: it is not.
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

    def fit(self, x: Any = None, **arguments: Any) -> keras.callbacks.History:
        """Train as `keras.Model.fit` does.

        Where Keras' own `fit` cannot drive this step, as under JAX, `x` is an iterable of batches,
        nothing is printed, and of the arguments `epochs`, `steps_per_epoch`, `callbacks` and
        `verbose` are known.

        Args:
            x: the batches.
            **arguments: those of `keras.Model.fit`.
        """
        if backend.DRIVES_FIT:
            return super().fit(x, **arguments)
        arguments.pop("verbose", None)
        return drive(self, compiled_step(self), x, **arguments)

    def call(self, inputs, training=None):
        """Predict every frame but the first, as the predictor does."""
        return self.predictor(inputs, training=training)

    @property
    def logged(self) -> tuple[str, ...]:
        """Return the names of what an update returns beside the loss, in the order of logs."""
        return (*self.summed_loss.weights, *self.told_apart)

    @property
    def told_apart(self) -> tuple[str, ...]:
        """Return the predictor's, or nothing where only the future counts."""
        return () if self.summed_loss.future else self.predictor.told_apart

    def train_step(self, data):
        """Make one update.

        Returns:
            Scalars for one clip each: the loss, its parts before their weights, and where the
            predictor tells its frames apart the share of the context's and of the future's.
        """
        sums, gradients = self.summed_gradients(data)
        self.optimizer.apply(self._clipped(gradients), self.trainable_variables)
        self.average.update()
        sums = backend.sum_over_replicas(sums)
        weights = self.summed_loss.per_clip(self._values(data))
        logs = {name: sums[i] / sums[-1] for i, name in enumerate(self.logged)}
        return {"loss": sum(weight * logs[name] for name, weight in weights.items()), **logs}

    def _values(self, data) -> int:
        """Return the number of predicted values of a clip that the loss counts."""
        targets = self.predictor.targets(data["frames"], self.horizon)
        return math.prod(self.summed_loss.counted(targets, self.horizon).shape[1:])

    def summed_gradients(self, data):
        """Compute the gradients of the loss over this replica's share of a batch.

        Returns:
            A vector of the sums of all that is `logged` and, last, the number of clips; and a
            list with the gradient of each trainable weight.
        """
        sums, gradients = self._micro_batches(data)
        if self.summed_loss.mean:
            clips = data["frames"].shape[0] * backend.replicas()
            gradients = [gradient / clips for gradient in gradients]
        return sums, gradients

    def _clipped(self, gradients):
        """Clip the sum of gradients over replicas, which the optimizer takes."""
        if self.clip is None:
            return gradients
        clipped = clip_gradients(backend.sum_over_replicas(gradients), self.clip)
        return [gradient / backend.replicas() for gradient in clipped]

    def _micro_batches(self, data):
        """Compute what `summed_gradients` returns, before the loss is divided by clips."""
        share = data["frames"].shape[0]
        if self.micro_batch in (None, share):
            return self._gradients(data)
        if share % self.micro_batch:
            raise ValueError(
                f"frames: expected a multiple of the {self.micro_batch} clips of a micro-batch "
                f"(training.micro_batch), got {share}"
            )
        zeros = (
            ops.zeros(len(self.logged) + 1),
            [ops.zeros(v.shape, v.dtype) for v in self.trainable_variables],
        )
        return backend.sum_of_parts(
            self._gradients, data, share // self.micro_batch, zeros, self.predictor.variables
        )

    def _gradients(self, data):
        return backend.gradients(lambda: self.measure(data), *self._variables())

    def _variables(self):
        return self.trainable_variables, self.predictor.non_trainable_variables

    def measure(self, data):
        """Return the summed loss of a micro-batch, and the vector of `summed_gradients`."""
        weights = self.summed_loss.per_clip(self._values(data))
        handed_on = weights_handed_on(*self._variables())
        with handed_on, for_xla() if self.jit_compile else contextlib.nullcontext():
            outputs = self.predictor.training_outputs(
                data, self.horizon, auxiliary=AUXILIARY in weights, training=True
            )
        truth = self.summed_loss.counted(outputs.targets, self.horizon)
        prediction = self.summed_loss.counted(outputs.predictions, self.horizon)
        parts = self.summed_loss.measure(truth, prediction)
        if AUXILIARY in weights:
            measured = (ops.cast(each, "float32") for each in outputs.auxiliary.values())
            parts = (*parts, sum(map(self._counted_sum, measured)))
        loss = sum(weight * part for weight, part in zip(weights.values(), parts, strict=True))
        clips = ops.cast(ops.shape(outputs.predictions)[0], "float32")
        shares = self._shares(truth, prediction, weights.values())
        return loss, ops.stack([*parts, *shares, clips])

    def _shares(self, truth, prediction, weights):
        """Return the loss of what is `told_apart`, the frames of the context and the future's."""
        halves = (slice(None, -self.horizon), slice(-self.horizon, None))
        measured = [
            self.summed_loss.measure(truth[:, half], prediction[:, half])
            for half in halves[: len(self.told_apart)]
        ]
        # an auxiliary loss, whose weight is the last, is of neither
        return [sum(w * p for w, p in zip(weights, parts, strict=False)) for parts in measured]

    def _counted_sum(self, auxiliary):
        """Return the sum of an auxiliary loss (B,), or (B, P): of the predictions that count."""
        if len(auxiliary.shape) > 1:
            auxiliary = self.summed_loss.counted(auxiliary, self.horizon)
        return ops.sum(auxiliary)


def compiled(
    trainer: Trainer, function: Callable[[Any], Any], strategy: Any = None
) -> Callable[[Any], Any]:
    """Compile a function of a batch as the update is; it may change the trainer.

    Args:
        trainer: the function may read and change its weights, averages and optimizer.
        function: takes a batch, see `Trainer`, and returns a dictionary of tensors.
        strategy: its replicas run the function, each on its share; None: the default device does.
    """
    changed = [
        *trainer.predictor.variables,
        *trainer.average.averages,
        *trainer.optimizer.variables,
    ]
    return backend.compiled(function, changed, strategy=strategy, xla=trainer.jit_compile)


def compiled_step(trainer: Trainer, strategy: Any = None) -> Callable[[Any], dict[str, Any]]:
    """Compile the trainer's update, see `train_step`."""
    return compiled(trainer, trainer.train_step, strategy)


def drive(
    trainer: Trainer,
    step: Callable[[Any], dict[str, Any]],
    batches: Iterable,
    *,
    epochs: int = 1,
    steps_per_epoch: int | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> keras.callbacks.History:
    """Take an update from each batch, with the events of `keras.Model.fit`.

    Args:
        trainer: what is trained.
        step: its compiled update, see `compiled_step`.
        batches: an iterable; what its iterator still has is taken by the next epoch.
        epochs: how many there are; fewer where a callback sets `stop_training`.
        steps_per_epoch: updates of an epoch; None: all batches, anew in every epoch.
        callbacks: told of every event, in this order.

    Returns:
        The losses of the last update of each epoch.
    """
    history = keras.callbacks.History()
    events = keras.callbacks.CallbackList([*callbacks, history], model=trainer)
    trainer.stop_training, logs, left = False, {}, iter(batches)
    events.on_train_begin()
    for epoch in range(epochs):
        events.on_epoch_begin(epoch)
        for number, batch in enumerate(itertools.islice(left, steps_per_epoch)):
            events.on_train_batch_begin(number)
            logs = {name: float(value) for name, value in step(batch).items()}
            events.on_train_batch_end(number, logs)
            if trainer.stop_training:
                break
        events.on_epoch_end(epoch, logs)
        if trainer.stop_training:
            break
        left = iter(batches) if steps_per_epoch is None else left
    events.on_train_end(logs)
    return history
