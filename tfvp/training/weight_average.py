"""The exponential average of the weights, which follows every update and changes none."""

import contextlib

import keras

from tfvp.backend import backend


class WeightAverage:
    """Keeps average ← decay * average + (1 - decay) * weight, updated after every update.

    As `tf.train.ExponentialMovingAverage` of the released E3D-LSTM. Keras' own `use_ema` starts
    after the first update and overwrites the weights when `fit` ends; this one enters the weights
    only inside `applied()`.

    >>> weight = keras.Variable(1.0)
    >>> average = WeightAverage([weight], decay=0.9)
    >>> _ = weight.assign(2.0)
    >>> average.update()
    >>> with average.applied():
    ...     round(float(weight), 4)
    1.1

    Args:
        weights: the variables to follow; averages are float32, in the same order and shapes.
        decay: the share of the old average that is kept, in (0, 1).
    """

    def __init__(self, weights: list[keras.Variable], decay: float):
        self.weights = weights
        self.decay = decay
        self._following = backend.traced_by_shape(self._by_the_equation)
        self.averages = [
            keras.Variable(
                weight,
                dtype="float32",
                trainable=False,
                autocast=False,
                # every replica computes the same average
                aggregation="only_first_replica",
                name="average",
            )
            for weight in weights
        ]

    def update(self) -> None:
        """Follow one update of the weights."""
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign(self._following(average, weight))

    def _by_the_equation(self, average, weight):
        return self.decay * average + (1 - self.decay) * weight

    def restart(self) -> None:
        """Begin again from the weights as they are, for example after others were loaded."""
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign(weight)

    @contextlib.contextmanager
    def applied(self):
        """Let the weights hold their averages within the context."""
        raw = [keras.ops.convert_to_numpy(weight) for weight in self.weights]
        try:
            for average, weight in zip(self.averages, self.weights, strict=True):
                weight.assign(average)
            yield
        finally:
            for value, weight in zip(raw, self.weights, strict=True):
                weight.assign(value)
