"""Predicts the next frames with the network of a trained run."""

from collections.abc import Callable
from functools import partial
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
from tfvp.shapes import describe
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
    long = predictor.long_prediction(horizon, partial(_compiled_by_shape, predictor))
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


def compiled_reconstruction(predictor: VideoPredictor) -> Callable[[np.ndarray], np.ndarray]:
    """Compile `VideoPredictor.reconstruct`: float32 (B, T, H, W, C) in [0, 1] to as many."""
    return _compiled(predictor, predictor.reconstruct)


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
    return _in_numpy(_compiled_by_shape(predictor, predict))


def _compiled_by_shape(
    predictor: VideoPredictor, function: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Compile a function of one structure of tensors, once for every shape of them.

    One graph for several lengths would leave the length open, which a network whose state grows
    with every frame cannot unroll.
    """
    compiled: dict[tuple[tuple[int, ...], ...], Callable[[Any], Any]] = {}

    def call(inputs: Any) -> Any:
        shapes = tuple(tuple(each.shape) for each in keras.tree.flatten(inputs))
        if shapes not in compiled:
            compiled[shapes] = backend.compiled(function, predictor.variables)
        return compiled[shapes](inputs)

    return call


def _in_numpy(predict: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Let a function of a float32 tensor take and give NumPy arrays, float32."""

    def in_numpy(context: np.ndarray) -> np.ndarray:
        frames = keras.ops.convert_to_tensor(context, dtype="float32")
        return keras.ops.convert_to_numpy(keras.ops.cast(predict(frames), "float32"))

    return in_numpy


def no_prediction(experiment: Experiment) -> str:
    """Say of a network that reconstructs alone what can be had of it."""
    return (
        f"{experiment.name} reconstructs its context and predicts no frames after it; tfvp "
        "evaluate measures and draws that, and tfvp.load_network gives the network of "
        "export/network.keras, whose method is reconstruct"
    )


def padded(predict: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Let smaller batches be predicted as the largest so far, so that none is compiled anew.

    Args:
        predict: (B, T, H, W, C) -> (B, …), each clip by itself.

    Returns:
        the same function; a batch of fewer clips is filled up with its last one.
    """
    largest = 0

    def call(frames: np.ndarray) -> np.ndarray:
        nonlocal largest
        largest = max(largest, len(frames))
        missing = largest - len(frames)
        filled = np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])
        return predict(filled if missing else frames)[: len(frames)]

    return call


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
