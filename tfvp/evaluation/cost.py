"""What a network costs: its parameters, its work for a clip, and how fast it predicts."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfvp.evaluation.measure_batch import Predict
from tfvp.evaluation.schema import Cost, Speed
from tfvp.models.cost import parameter_count, prediction_operations


class TimedPrediction:
    """A network's prediction that takes the time of its calls, compilation left out.

    The first call with clips of some shape may compile, so it does not count.

    Args:
        predict: the network, see `Predict`; it is done when its result is an array of NumPy.
        clock: seconds since some start.
    """

    def __init__(self, predict: Predict, clock: Callable[[], float] = time.perf_counter):
        self._predict, self._clock = predict, clock
        self._compiled: set[tuple[int, ...]] = set()
        self._clips, self._seconds, self._batch = 0, 0.0, 0

    def __call__(self, frames: NDArray) -> NDArray:
        """Predict: frames (B, T, H, W, C) -> (B, Tp, H, W, C)."""
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
        """Clips a second on `device`; None where every call may have compiled."""
        if not self._seconds:
            return None
        rate = self._clips / self._seconds
        return Speed(clips_per_second=rate, clips=self._clips, batch=self._batch, device=device)


def network_cost(network: Any, context_frames: int, predict_frames: int) -> Cost:
    """What a `VideoPredictor` costs, its speed aside; runs it on one clip to count its work."""
    return Cost(
        parameters=parameter_count(network),
        macs=prediction_operations(network, context_frames, predict_frames) / 2,
        speed=None,
    )
