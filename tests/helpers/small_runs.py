"""Evaluated runs of random clips, made without a network, for tests of reports."""

from pathlib import Path

import numpy as np

from tfvp.config.evaluation import EvaluationConfig
from tfvp.config.experiment import Experiment
from tfvp.config.training import TrainingConfig
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.evaluation.evaluate import evaluate, write
from tfvp.evaluation.metadata import run_metadata
from tfvp.evaluation.samples import write_samples
from tfvp.evaluation.schema import History, read_metrics
from tfvp.runs.folder import Run, create_run

SMALL = MovingMnistData(frame_px=(16, 20), digit_px=8, context_frames=3, predict_frames=2)
STILL = 99
LABEL = "quick run on scikit-learn's digits"


def make_run(
    folder: Path,
    name: str = "e3d_residual-quick",
    *,
    data: MovingMnistData = SMALL,
    label: str = LABEL,
    seed: int = 0,
    title: str = "E3D-LSTM with Residuals",
    factor: float = 0.5,
    metrics: tuple[str, ...] = ("mse", "ssim_thesis"),
) -> Run:
    """An evaluated run of random clips whose network predicts `factor` x the last context frame.

    With the seed STILL all frames of a clip are the same. A name that ends with -seedN has the
    training seed N.
    """
    plain, _, training_seed = name.partition("-seed")
    preset = "quick" if plain.endswith("-quick") else None
    experiment = Experiment(
        name=name,
        config=plain.removesuffix("-quick"),
        title=title,
        label=label,
        preset=preset,
        results=folder,
        data=data,
        training=TrainingConfig(seed=int(training_seed or 0)),
        evaluation=EvaluationConfig(metrics=metrics),
    )
    run = create_run(experiment, provenance={"seed": 0, "versions": {"numpy": "2"}, "git": None})
    frames = data.context_frames + data.predict_frames
    shape = (4, frames, *data.frame_px, 1)
    clips = np.random.default_rng(seed).random(shape, np.float32)
    if seed == STILL:
        clips[:] = clips[:, :1]

    def predict(context):
        return np.repeat(context[:, -1:] * factor, data.predict_frames, axis=1)

    found = evaluate(
        predict,
        [clips],
        context_frames=data.context_frames,
        predict_frames=data.predict_frames,
        metrics=experiment.evaluation.metrics,
    )
    digits = "sklearn" if data.digits == "auto" else data.digits
    titles = {"sklearn": "scikit-learn's digits", "mnist": "MNIST"}
    data_metadata = {"title": f"Moving MNIST with {titles[digits]}", "digits_source": digits}
    metadata = run_metadata(
        experiment, data_metadata, steps=600, checkpoint="best validation mse", data_hash=str(seed)
    )
    write(found, run, metadata)
    write_samples(
        predict,
        {3: clips[3]},
        run.samples,
        context_frames=data.context_frames,
        notes={3: "median error"},
    )
    return run


def make_reconstruction(folder: Path) -> Run:
    """A run like `make_run`'s whose network gives half of its context back."""
    run = make_run(folder, "autoencoder", title="Autoencoder")
    lengths = {"context_frames": SMALL.context_frames, "predict_frames": SMALL.predict_frames}
    clips = np.random.default_rng(0).random((4, SMALL.total_frames, *SMALL.frame_px, 1), np.float32)

    def reconstruct(given):
        return given * 0.5

    history = History.RECONSTRUCTED
    found = evaluate(reconstruct, [clips], **lengths, metrics=("mse",), history=history)
    write(found, run, read_metrics(run.metrics_path).metadata)
    write_samples(
        reconstruct,
        {3: clips[3]},
        run.samples,
        context_frames=SMALL.context_frames,
        notes={3: "median error"},
        history=history,
    )
    return run
