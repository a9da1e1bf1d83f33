"""One training step: summed gradients of micro-batches, an update, a step of the average."""

import contextlib
import math

import keras
import tensorflow as tf

from tfvp.config import ClipConfig
from tfvp.networks.rollout import for_xla
from tfvp.training.clipping import clip_gradients
from tfvp.training.losses import Loss
from tfvp.training.weight_average import WeightAverage


class Trainer(keras.Model):
    """Trains a `FramePredictor` under `keras.Model.fit`, on one device or under `tf.distribute`.

    A batch {"frames": (B, T, H, W, C), "use_truth": (B, F)} gives one update. On each replica its
    share is cut into micro-batches whose gradients are summed; the optimizer sums over replicas.
    The loss is a sum over clips, which a mean divides by their number over all replicas, so neither
    split changes the update.

    Args:
        predictor: the network.
        loss: what is minimised.
        average_decay: of the weight average, see `WeightAverage`.
        micro_batch: clips at once on a replica; None: the replica's whole share.
        clip: how to clip the gradient of a batch over all replicas; None: not at all.
    """

    def __init__(
        self,
        predictor: keras.Model,
        *,
        loss: Loss,
        average_decay: float,
        micro_batch: int | None = None,
        clip: ClipConfig | None = None,
    ):
        super().__init__()
        self.predictor = predictor
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
        with for_xla() if self.jit_compile else contextlib.nullcontext():
            sums, gradients = self._summed_gradients(data)
        self.optimizer.apply(self._clipped(gradients), self.trainable_variables)
        self.average.update()
        replica = tf.distribute.get_replica_context()
        sums = replica.all_reduce(tf.distribute.ReduceOp.SUM, sums)
        weights = self.summed_loss.per_clip(self._values(data))
        parts = {name: sums[i] / sums[-1] for i, name in enumerate(weights)}
        return {"loss": sum(weights[name] * part for name, part in parts.items()), **parts}

    def _values(self, data) -> int:
        """Predicted values of a clip."""
        horizon = data["use_truth"].shape[1] + 1
        return math.prod(self.predictor.targets(data["frames"], horizon).shape[1:])

    def _summed_gradients(self, data):
        """Gradients of the summed loss and [its parts, sequences], over this replica's share."""
        sums, gradients = self._micro_batches(data)
        if self.summed_loss.mean:
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            clips = data["frames"].shape[0] * replicas
            gradients = [gradient / clips for gradient in gradients]
        return sums, gradients

    def _clipped(self, gradients):
        """Gradients whose sum over replicas, which the optimizer takes, is clipped."""
        if self.clip is None:
            return gradients
        replica = tf.distribute.get_replica_context()
        whole = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        replicas = replica.num_replicas_in_sync
        return [gradient / replicas for gradient in clip_gradients(whole, self.clip)]

    def _micro_batches(self, data):
        """As `_summed_gradients`, of the loss before a mean over clips."""
        share = data["frames"].shape[0]
        if self.micro_batch is None or share == self.micro_batch:
            return self._gradients(data)
        parts = share // self.micro_batch
        data = tf.nest.map_structure(
            lambda x: tf.reshape(x, (parts, self.micro_batch, *x.shape[1:])), data
        )

        def add_part(i, sums, gradients):
            more, part = self._gradients(tf.nest.map_structure(lambda x: x[i], data))
            return i + 1, sums + more, [a + b for a, b in zip(gradients, part, strict=True)]

        zeros = [tf.zeros(v.shape, v.dtype) for v in self.trainable_variables]
        _, sums, gradients = tf.while_loop(
            lambda i, *_: i < parts,
            add_part,
            (0, tf.zeros(len(self.summed_loss.weights) + 1), zeros),
            parallel_iterations=1,
        )
        return sums, gradients

    def _gradients(self, data):
        variables = [v.value for v in self.trainable_variables]
        own = "network" in self.summed_loss.weights
        with tf.GradientTape() as tape:
            if own:
                prediction, of_clips = self.predictor.with_own_loss(data)
            else:
                prediction, of_clips = self(data, training=True), None
            horizon = data["use_truth"].shape[1] + 1
            truth = self.predictor.targets(data["frames"], horizon)
            parts = self.summed_loss.measure(truth, prediction)
            if of_clips is not None:
                parts = (*parts, tf.reduce_sum(tf.cast(of_clips, tf.float32)))
            weights = self.summed_loss.per_clip(self._values(data)).values()
            loss = sum(weight * part for weight, part in zip(weights, parts, strict=True))
        # A weight that the loss does not reach (the memory convolution of a cell that does not
        # carry its memory) has gradient 0, as in TF1, and its moments decay.
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        return tf.stack([*parts, tf.cast(tf.shape(prediction)[0], tf.float32)]), gradients
