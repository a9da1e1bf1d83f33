"""Prediction with a trained run: frames in, next frames out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfvp.backend import backend
from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_resolved
from tfvp.errors import RunError
from tfvp.models.base import VideoPredictor
from tfvp.models.build import build_model
from tfvp.runs.folder import Run, open_run
from tfvp.training.checkpoints import Checkpoints
from tfvp.training.initialise import load_weights


def trained_network(run: Run, experiment: Experiment) -> tuple[VideoPredictor, int]:
    """Build a run's network with the weights that its `evaluation` section names, and their step.

    Raises:
        RunError: the run has no checkpoint yet.
        WeightsError: the checkpoint is damaged.
    """
    checkpoints = Checkpoints(run.checkpoints)
    if not checkpoints.steps():
        raise RunError(f"{run.root} has no checkpoint yet; train it first (--stages train)")
    if experiment.evaluation.checkpoint == "best" and checkpoints.best:
        step = int(checkpoints.best["step"])
        state = checkpoints.load(step)
    else:
        step, state = checkpoints.load_latest()
    predictor = build_model(experiment)
    averaged = experiment.evaluation.weights == "averaged"
    load_weights(predictor, state, "average" if averaged else "weights")
    return predictor, step


def compiled_prediction(
    predictor: VideoPredictor, horizon: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile the prediction of `horizon` frames: (B, T, H, W, C) -> (B, horizon, H, W, C)."""
    return _compiled(predictor, lambda context: predictor.predict_frames(context, horizon))


def compiled_one_step(
    predictor: VideoPredictor, context_frames: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile `VideoPredictor.predict_next` for contexts of this length and longer."""
    return _compiled(predictor, lambda frames: predictor.predict_next(frames, context_frames))


def _compiled(
    predictor: VideoPredictor, predict: Callable[[Any], Any]
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a function of tensors that reads a predictor's weights, float32 NumPy in and out."""
    compiled = backend.compiled(predict, predictor.weights)

    def in_numpy(context: np.ndarray) -> np.ndarray:
        frames = keras.ops.convert_to_tensor(context, dtype="float32")
        return keras.ops.convert_to_numpy(keras.ops.cast(compiled(frames), "float32"))

    return in_numpy


class Predictor:
    """A trained network that continues clips.

    Args:
        predictor: the network.
        experiment: the experiment it was trained in.
    """

    def __init__(self, predictor: VideoPredictor, experiment: Experiment):
        self.predictor = predictor
        self.experiment = experiment
        self._compiled: dict[int, Callable[[np.ndarray], np.ndarray]] = {}

    @classmethod
    def load(cls, run: str | Path) -> "Predictor":
        """Load from a run's folder, e.g. "results/e3d_residual".

        Raises:
            RunError: it is not a run, or has no checkpoint.
            WeightsError: the checkpoint is damaged.
        """
        opened = open_run(run)
        experiment = load_resolved(opened.config_path)
        predictor, _ = trained_network(opened, experiment)
        return cls(predictor, experiment)

    def __call__(self, frames: np.ndarray, steps: int | None = None) -> np.ndarray:
        """Predict the frames that follow.

        Args:
            frames: (T, H, W, C) or (B, T, H, W, C), uint8 in [0, 255] or float in [0, 1]; any T,
                or the network's own where it has one.
            steps: frames to predict; default what the network was trained for.

        Returns:
            (steps, H, W, C) or (B, steps, H, W, C) of the same type and range as `frames`.

        Raises:
            ValueError: another shape, type or range, steps below 1, or too few or many frames for
                a network of a fixed context.
        """
        frames = np.asarray(frames)
        steps = self.experiment.data.predict_frames if steps is None else steps
        if steps < 1:
            raise ValueError(f"steps: expected at least 1 frame to predict, got {steps}")
        context, as_uint8 = _unit_range(frames)
        single = context.ndim == 4
        context = context[None] if single else context
        if steps not in self._compiled:
            self._compiled[steps] = compiled_prediction(self.predictor, steps)
        future = np.clip(self._compiled[steps](context), 0.0, 1.0)
        future = future[0] if single else future
        return np.rint(future * 255).astype(np.uint8) if as_uint8 else future


def _unit_range(frames: np.ndarray) -> tuple[np.ndarray, bool]:
    """Frames as float32 in [0, 1], and whether they were uint8."""
    if frames.dtype == np.uint8:
        return frames.astype(np.float32) / 255, True
    if not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"frames: expected uint8 or float, got {frames.dtype}")
    low, high = (float(frames.min()), float(frames.max())) if frames.size else (0.0, 0.0)
    if low < 0 or high > 1 or not np.isfinite(low + high):
        raise ValueError(f"frames: expected floats in [0, 1], got [{low:g}, {high:g}]")
    return frames.astype(np.float32), False
