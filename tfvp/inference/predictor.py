"""Predicts the next frames with the network of a trained run."""

import functools
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_resolved
from tfvp.errors import RunError, TrainingError
from tfvp.inference.compiled import compiled_prediction
from tfvp.models.base import VideoPredictor
from tfvp.models.build import build_model
from tfvp.presets.find import find_trained
from tfvp.presets.folder import Example, Preset
from tfvp.presets.write import Measured, measured_of_run, write_preset
from tfvp.runs.folder import Run, open_run
from tfvp.shapes import describe
from tfvp.training.checkpoints import Checkpoints, assign
from tfvp.training.initialise import load_weights

ON_THE_EDGE = 1e-2  # share of values that may be a level of 255 apart


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
    """A trained network that continues clips, by `Predictor.from_preset(name)` or of a run.

    >>> predictor = Predictor.from_preset("predrnn_digits")
    >>> predictor(np.zeros((5, 32, 32, 1), np.uint8), steps=2).shape
    (2, 32, 32, 1)

    Args:
        predictor: the network.
        experiment: the experiment in which it was trained.
        steps: after how many updates; 0: not known.
        measure: returns numbers and example clips of these weights, when they are asked for.

    Raises:
        RunError: the network reconstructs its context and predicts nothing.
    """

    def __init__(
        self,
        predictor: VideoPredictor,
        experiment: Experiment,
        steps: int = 0,
        measure: Callable[[], Measured] = Measured,
    ):
        if "prediction" not in experiment.model.tasks:
            raise RunError(no_prediction(experiment))
        self.predictor = predictor
        self.experiment = experiment
        self.steps = steps
        self._measure = measure
        self._compiled: dict[int, Callable[[np.ndarray], np.ndarray]] = {}

    @functools.cached_property
    def measured(self) -> Measured:
        """Return the numbers and the example clips that are known of these weights.

        Raises:
            RunError: a file of the run's evaluation is damaged.
            WeightsError: a file of the preset is.
        """
        return self._measure()

    @classmethod
    def load(cls, run: str | Path) -> "Predictor":
        """Load from a run's folder, e.g. "results/e3d_residual".

        Raises:
            RunError: it is not a run, or has no checkpoint.
            WeightsError: the checkpoint is damaged.
        """
        return cls.of(open_run(run))

    @classmethod
    def of(cls, found: Run | Preset) -> "Predictor":
        """Load from a run or a preset that was found; raises as `from_preset`."""
        if isinstance(found, Run):
            experiment = load_resolved(found.config_path)
            predictor, step = trained_network(found, experiment)
            return cls(predictor, experiment, step, lambda: measured_of_run(found, step))
        experiment, steps = found.experiment, found.record.steps
        predictor = build_model(experiment)
        assign({weight.path: weight for weight in predictor.weights}, {**found.weights()})
        return cls(predictor, experiment, steps, lambda: Measured(found.metrics, found.example))

    @classmethod
    def from_preset(cls, preset: str | Path) -> "Predictor":
        """Load pretrained weights, e.g. "predrnn_digits"; `tfvp list presets` names those shipped.

        Nothing that is loaded is run: weights are safetensors, settings YAML, and each file is
        compared with the SHA-256 that was noted when it was saved.

        Args:
            preset: the name of a shipped preset (which comes before a folder here), a folder that
                `save_to_preset` wrote, a run's folder, "hf://ORG/NAME" (with `pip install
                huggingface-hub`), or "https://…", a .zip or a folder on a web server, which is
                fetched once and kept.

        Raises:
            RunError: it is neither, or was saved by a version whose settings are not known here.
            WeightsError: there is no such preset, it cannot be fetched, or is damaged.
        """
        return cls.of(find_trained(preset))

    def save_to_preset(self, folder: str | Path) -> Preset:
        """Save network, experiment, numbers, examples and a model card to a new folder.

        The numbers of an evaluation are left out where the network does not predict the examples
        as it did then: the weights have been changed since.

        Raises:
            RunError: the folder exists, or cannot be written.
        """
        weights = {w.path: keras.ops.convert_to_numpy(w) for w in self.predictor.weights}
        measured = self._measured_still()
        return write_preset(Path(folder), self.experiment, weights, self.steps, measured)

    def _measured_still(self) -> Measured:
        """Return what was measured, if these weights still predict the examples so."""
        example = self.measured.example
        if example is None:
            return self.measured
        horizon = example.prediction.shape[1]
        now = self(example.frames[:, :-horizon], steps=horizon)
        apart = np.abs(now.astype(int) - example.prediction)
        # now and then a value lies on the edge between two levels and may fall on either side
        if apart.max() <= 1 and (apart > 0).mean() < ON_THE_EDGE:
            return self.measured
        return Measured(None, Example(example.frames, now))

    def __call__(self, frames: np.ndarray, steps: int | None = None) -> np.ndarray:
        """Predict the frames that follow.

        Args:
            frames: (T, H, W, C) or (B, T, H, W, C), uint8 in [0, 255] or float in [0, 1]; T is
                what the network takes (`predictor.context_frames`), any where that is None.
            steps: how many frames to predict; None: as many as the network was trained for.

        Returns:
            (steps, H, W, C) or (B, steps, H, W, C) in the range of `frames`, uint8 or float32.

        Raises:
            ValueError: `frames` has another shape, type or range, or `steps` is no number from 1.
            TrainingError: the network predicts NaN or infinity.
        """
        frames = np.asarray(frames)
        steps = self.experiment.data.predict_frames if steps is None else steps
        if not isinstance(steps, int | np.integer) or steps < 1:
            raise ValueError(f"steps: expected at least 1 frame to predict, got {steps!r}")
        self._check_shape(frames.shape)
        context, as_uint8 = _unit_range(frames)
        single = context.ndim == 4
        context = context[None] if single else context
        if steps not in self._compiled:
            self._compiled[steps] = compiled_prediction(self.predictor, steps)
        future = self._compiled[steps](context)
        if not np.isfinite(future).all():  # bytes would hide it
            raise TrainingError(
                "the network predicts NaN or infinity; its weights cannot be used: take another "
                "checkpoint, or train again with a lower learning rate"
            )
        future = np.clip(future, 0.0, 1.0)
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
