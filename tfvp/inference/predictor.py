"""Predicts the next frames with the network of a trained run."""

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
from tfvp.system.progress import progress
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
    """Compile the prediction of `horizon` frames.

    Returns:
        a function of context frames, float32 (B, T, H, W, C) in [0, 1] with any T, to the predicted
        frames, float32 (B, horizon, H, W, C), which may leave [0, 1]. What takes minutes shows its
        progress.
    """

    def compiled(part: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return backend.compiled(part, predictor.variables)

    long = predictor.long_prediction(horizon, compiled)
    if long is None:
        return _compiled(predictor, lambda context: predictor.predict_frames(context, horizon))

    parts, predict = long

    def shown(context: Any) -> Any:
        with progress(None, "predicting", parts) as shown:
            return predict(context, shown.advance)

    return _in_numpy(shown)


def compiled_one_step(
    predictor: VideoPredictor, context_frames: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile `VideoPredictor.predict_next` for clips of at least `context_frames` frames.

    Returns:
        a function of true frames, float32 (B, T, H, W, C) in [0, 1], to the frames predicted one
        step ahead, float32.
    """
    return _compiled(predictor, lambda frames: predictor.predict_next(frames, context_frames))


def compiled_with_true_pixels(
    predictor: VideoPredictor, context_frames: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile `VideoPredictor.predict_with_true_pixels` for clips longer than `context_frames`.

    Returns:
        a function of clips, float32 (B, T, H, W, C) in [0, 1], to their predicted frames, float32.
    """
    return _compiled(
        predictor, lambda frames: predictor.predict_with_true_pixels(frames, context_frames)
    )


def _compiled(
    predictor: VideoPredictor, predict: Callable[[Any], Any]
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a function of tensors that reads a predictor's weights; it takes and gives NumPy."""
    return _in_numpy(backend.compiled(predict, predictor.variables))


def _in_numpy(predict: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of tensors as one of NumPy arrays, float32."""

    def in_numpy(context: np.ndarray) -> np.ndarray:
        frames = keras.ops.convert_to_tensor(context, dtype="float32")
        return keras.ops.convert_to_numpy(keras.ops.cast(predict(frames), "float32"))

    return in_numpy


class Predictor:
    """A trained network that continues clips.

        predictor = Predictor.load("results/e3d_residual")
        future = predictor(frames, steps=20)

    Args:
        predictor: the network.
        experiment: the experiment in which it was trained.
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
            frames: (T, H, W, C) or (B, T, H, W, C), uint8 in [0, 255] or float in [0, 1]; any T.
            steps: how many frames to predict; None: as many as the network was trained for.

        Returns:
            (steps, H, W, C) or (B, steps, H, W, C) of the same type and range as `frames`.

        Raises:
            ValueError: `frames` has another shape, type or range, or `steps` is below 1.
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
    """Return frames as float32 in [0, 1] of the same shape, and whether they were uint8."""
    if frames.dtype == np.uint8:
        return frames.astype(np.float32) / 255, True
    if not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"frames: expected uint8 or float, got {frames.dtype}")
    low, high = (float(frames.min()), float(frames.max())) if frames.size else (0.0, 0.0)
    if low < 0 or high > 1 or not np.isfinite(low + high):
        raise ValueError(f"frames: expected floats in [0, 1], got [{low:g}, {high:g}]")
    return frames.astype(np.float32), False
