"""Measures the cost of a network: parameters, operations for a clip, and speed of prediction."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfvp.evaluation.measure_batch import Predict
from tfvp.evaluation.schema import Cost, Speed
from tfvp.models.cost import parameter_count, prediction_operations

RECONSTRUCTION = (
    "multiply-accumulates of all convolutions and matrix products in reconstructing the context of "
    "one clip; FLOPs are twice as many"
)


class TimedPrediction:
    """Calls a network and measures how long its predictions take.

    The first call with clips of a shape may compile, so its time is not counted.

    Args:
        predict: the network, see `Predict`; a call ends when its result is a NumPy array.
        clock: returns seconds since some start.
    """

    def __init__(self, predict: Predict, clock: Callable[[], float] = time.perf_counter):
        self._predict, self._clock = predict, clock
        self._compiled: set[tuple[int, ...]] = set()
        self._clips, self._seconds, self._batch = 0, 0.0, 0

    def __call__(self, frames: NDArray) -> NDArray:
        """Predict: frames (B, T, H, W, C) in [0, 1] -> (B, Tp, H, W, C)."""
        began = self._clock()
        prediction = np.asarray(self._predict(frames))
        took = self._clock() - began
        if frames.shape in self._compiled:
            self._clips += len(frames)
            self._seconds += took
            self._batch = max(self._batch, len(frames))
        self._compiled.add(frames.shape)
        return prediction

    def speed(self, device: str) -> Speed | None:
        """The speed on `device`; None where every call may have compiled."""
        if not self._seconds:
            return None
        rate = self._clips / self._seconds
        return Speed(clips_per_second=rate, clips=self._clips, batch=self._batch, device=device)


def network_cost(
    network: Any, context_frames: int, predict_frames: int, *, predicts: bool = True
) -> Cost:
    """Count the parameters and operations of a `VideoPredictor`, without its speed.

    Under TensorFlow the network is run on one clip to count its operations; they are those of the
    reconstruction where it predicts nothing.
    """
    cost = Cost(
        parameters=parameter_count(network),
        macs=prediction_operations(network, context_frames, predict_frames) / 2,
        speed=None,
    )
    return cost if predicts else cost.model_copy(update={"macs_definition": RECONSTRUCTION})
