"""Predicts the next frames with the network of a trained run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_resolved
from tfvp.errors import RunError
from tfvp.inference.compiled import compiled_prediction
from tfvp.models.base import VideoPredictor
from tfvp.models.build import build_model
from tfvp.runs.folder import Run, open_run
from tfvp.shapes import describe
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


def no_prediction(experiment: Experiment) -> str:
    """Say of a network that reconstructs alone what can be had of it."""
    return (
        f"{experiment.name} reconstructs its context and predicts no frames after it; tfvp "
        "evaluate measures and draws that, and tfvp.load_network gives the network of "
        "export/network.keras, whose method is reconstruct"
    )


class Predictor:
    """A trained network that continues clips; `Predictor.load(run)` is the usual way to one.

    >>> from tfvp import load_config
    >>> experiment = load_config("predrnn", preset="quick")
    >>> predictor = Predictor(build_model(experiment), experiment)  # untrained
    >>> predictor(np.zeros((5, 32, 32, 1), np.uint8), steps=2).shape
    (2, 32, 32, 1)

    Args:
        predictor: the network.
        experiment: the experiment in which it was trained.

    Raises:
        RunError: the network reconstructs its context and predicts nothing.
    """

    def __init__(self, predictor: VideoPredictor, experiment: Experiment):
        if "prediction" not in experiment.model.tasks:
            raise RunError(no_prediction(experiment))
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
            frames: (T, H, W, C) or (B, T, H, W, C), uint8 in [0, 255] or float in [0, 1]; T is
                what the network takes (`predictor.context_frames`), any where that is None.
            steps: how many frames to predict; None: as many as the network was trained for.

        Returns:
            (steps, H, W, C) or (B, steps, H, W, C) of the same type and range as `frames`.

        Raises:
            ValueError: `frames` has another shape, type or range, or `steps` is no number from 1.
        """
        frames = np.asarray(frames)
        steps = self.experiment.data.predict_frames if steps is None else steps
        if not isinstance(steps, int | np.integer) or steps < 1:
            raise ValueError(f"steps: expected at least 1 frame to predict, got {steps}")
        self._check_shape(frames.shape)
        context, as_uint8 = _unit_range(frames)
        single = context.ndim == 4
        context = context[None] if single else context
        if steps not in self._compiled:
            self._compiled[steps] = compiled_prediction(self.predictor, steps)
        future = np.clip(self._compiled[steps](context), 0.0, 1.0)
        future = future[0] if single else future
        return np.rint(future * 255).astype(np.uint8) if as_uint8 else future

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless these are frames that the network can be given."""
        height, width, channels = self.predictor.frame_shape
        length = self.predictor.context_frames
        fits = len(shape) in (4, 5) and shape[-3:] == (height, width, channels) and 0 not in shape
        if not fits or length not in (None, shape[-4]):
            axes = f"{length or 'T'}, {height}, {width}, {channels}"
            fixed = f"; this network was built for {length} context frames" if length else ""
            raise ValueError(
                f"frames: expected ({axes}) or (B, {axes}) with at least one frame, got "
                f"{describe(shape)}{fixed}"
            )


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
