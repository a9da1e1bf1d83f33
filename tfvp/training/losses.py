"""Training losses; each says exactly what is summed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from keras import ops

from tfvp.config.losses import LossConfig


def absolute_and_square(truth, prediction):
    """Sum |prediction - truth|, and half of its squares, over all values of a batch.

    No mean and no division by the batch: the released E3D-LSTM loss is `l1 + l2` of these, over all
    predicted frames, those inside the context included. Folding patches only moves values, so
    pixels and patches give the same sums. Computed in float32.

    Args:
        truth: (B, T, H, W, C), float in [0, 1].
        prediction: same shape, unclipped.

    Returns:
        (l1, l2), two scalars; a constant error of 0.5 over 8 values is (4.0, 1.0).

    >>> truth = ops.zeros((1, 2, 2, 2, 1))
    >>> [float(part) for part in absolute_and_square(truth, truth + 0.5)]
    [4.0, 1.0]
    """
    error = ops.cast(prediction, "float32") - ops.cast(truth, "float32")
    return ops.sum(ops.abs(error)), 0.5 * ops.sum(ops.square(error))


def cross_entropy(truth, prediction, epsilon: float = 1e-10, clip: float = 0.0):
    """Sum -t log(p + epsilon) - (1 - t) log(1 - p + epsilon) over all values of a batch.

    There is no mean; targets between 0 and 1 are taken as they are. It is the loss of Shi et al.
    2015 and Srivastava et al. 2015, whose program has epsilon 1e-10 (it counts where p is 0 or 1
    alone), computed in float32. A linear output may leave [0, 1]: its prediction is clipped for the
    logarithm, where its gradient is then 0. De Brabandere et al. 2016 clip to [clip, 1 - clip] and
    add nothing.

    Args:
        truth: (B, T, H, W, C), float in [0, 1].
        prediction: same shape.
        epsilon: added inside both logarithms.
        clip: how far from 0 and 1 a prediction is kept.

    Returns:
        A scalar; one value t = 1 predicted as 0.5 costs log 2.

    >>> round(float(cross_entropy(ops.ones((1,)), ops.full((1,), 0.5))), 4)
    0.6931
    """
    t = ops.cast(truth, "float32")
    prediction = ops.cast(prediction, "float32")
    p = ops.clip(prediction, clip, 1.0 - clip)
    # Clipped anew: from 1 - p + epsilon XLA makes (1 + epsilon) - p, in float32 the logarithm of 0.
    not_p = ops.clip(1.0 - prediction, clip, 1.0 - clip)
    return -ops.sum(t * ops.log(p + epsilon) + (1 - t) * ops.log(not_p + epsilon))


AUXILIARY = "network"
"""The part of a loss, and the column of a log, that is the network's auxiliary loss."""


@dataclass(frozen=True)
class Loss:
    """A weighted sum of named parts, each a sum over everything that counts.

    >>> loss = Loss({"mse": 1.0}, lambda truth, prediction: (ops.sum((truth - prediction) ** 2),))
    >>> float(loss.measure(ops.zeros((1, 2, 1, 1, 1)), ops.ones((1, 2, 1, 1, 1)))[0])
    2.0

    Args:
        weights: the weight of each part, in the order in which logs show them; the last may be
            AUXILIARY: the network's auxiliary loss, summed over clips.
        measure: a function of truth and prediction, (B, T, H, W, C) each, that returns the scalar
            of each other part, in the same order.
        mean: minimise the mean over clips instead of the sum, and of each part but AUXILIARY the
            mean over a clip's values too.
        future: only the frames after the context count, not all that were predicted, and of the
            auxiliary loss, where it belongs to single predictions, only theirs.
    """

    weights: Mapping[str, float]
    measure: Callable[[Any, Any], tuple[Any, ...]]
    mean: bool = False
    future: bool = False

    def per_clip(self, values: int) -> dict[str, float]:
        """Return the weight of each part's sum over one clip of `values` predicted values."""
        return {
            name: weight / values if self.mean and name != AUXILIARY else weight
            for name, weight in self.weights.items()
        }

    def counted(self, frames, horizon: int):
        """Return the part that counts of values for each prediction of a clip, (B, P, …)."""
        return frames[:, -horizon:] if self.future else frames


def absolute_square_loss(l1: float = 1.0, l2: float = 1.0, **kwargs: bool) -> Loss:
    """Return the loss `l1` * sum |a| + `l2` * sum a² / 2, see `absolute_and_square`.

    >>> absolute_square_loss(l1=0.0, mean=True).per_clip(values=100)
    {'l1': 0.0, 'l2': 0.01}
    """
    return Loss({"l1": l1, "l2": l2}, absolute_and_square, **kwargs)


def cross_entropy_loss(epsilon: float = 1e-10, clip: float = 0.0, **kwargs: bool) -> Loss:
    """Return the loss that is the cross entropy, see `cross_entropy`.

    >>> cross_entropy_loss(mean=True).per_clip(values=100)
    {'cross_entropy': 0.01}
    """
    return Loss(
        {"cross_entropy": 1.0},
        lambda truth, prediction: (cross_entropy(truth, prediction, epsilon, clip),),
        **kwargs,
    )


def with_auxiliary(loss: Loss, weight: float) -> Loss:
    """Add the network's auxiliary loss to a loss with a weight; with 0 return the loss as it is.

    >>> with_auxiliary(cross_entropy_loss(), 0.1).weights
    {'cross_entropy': 1.0, 'network': 0.1}
    """
    return replace(loss, weights={**loss.weights, AUXILIARY: weight}) if weight else loss


def build_loss(config: LossConfig) -> Loss:
    """Build the loss that a configuration names.

    >>> from tfvp import load_config
    >>> build_loss(load_config("predrnn").training.loss).weights
    {'l1': 0.0, 'l2': 2.0}
    """
    over = {"mean": config.reduction == "mean", "future": config.frames == "future"}
    if config.kind == "cross_entropy":
        loss = cross_entropy_loss(config.epsilon, config.clip, **over)
    else:
        loss = absolute_square_loss(config.l1, config.l2, **over)
    return with_auxiliary(loss, config.network)
