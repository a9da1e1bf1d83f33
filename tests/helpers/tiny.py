"""An experiment so small that a test can run all of it, and the pieces to train it."""

from pathlib import Path

import numpy as np
from rich.console import Console

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.experiment.job import Job
from tfvp.experiment.stages import run_stages
from tfvp.training.checkpoints import Checkpoints

CHANGES = (
    "data.digits=sklearn",
    "data.digit_count=1",
    "data.digit_px=6",
    "data.frame_px=[12, 16]",
    "data.context_frames=3",
    "data.predict_frames=3",
    "data.train_sequences=20",
    "data.validation_sequences=6",
    "data.test_sequences=6",
    "model.hidden=[4]",
    "model.wiring=plain",
    "model.cell.kernel=[2, 3, 3]",
    "training.steps=6",
    "training.global_batch=4",
    "training.micro_batch=2",
    "training.scheduled_sampling.decay_per_step=0.1",
    "training.scheduled_sampling.stop_step=5",
    "training.log_every=1",
    "training.validate_every=3",
    "training.checkpoint_every=2",
    "training.validation_clips=6",
    "training.average_decay=0.9",
    "evaluation.batch=4",
    "evaluation.samples=2",
    "evaluation.clips=null",
)


def experiment(folder: Path, *changes: str, config: str = "e3d_residual", name: str = "tiny"):
    """The experiment, writing below `folder` alone."""
    homes = (f"results={folder / 'results'}", f"data.prepared={folder / 'data'}")
    return load_config(config, overrides=[*CHANGES, *homes, *changes], name=name)


def job(experiment: Experiment, *, resume: bool = False, force: bool = False) -> Job:
    """A job that prints where a test can read it (`job.console.export_text()`)."""
    console = Console(record=True, width=200, force_terminal=False, quiet=False)
    return Job(experiment, console, resume=resume, force=force)


# what does not belong to one network
OF_ANY = tuple(c for c in CHANGES if not c.startswith(("model.", "training.scheduled")))


def of(config: str, folder: Path, *changes: str, name: str = "tiny"):
    """As `experiment`, of any configuration, whose network `changes` make small."""
    homes = (f"results={folder / 'results'}", f"data.prepared={folder / 'data'}")
    return load_config(config, overrides=[*OF_ANY, *homes, *changes], name=name)


def dense(folder: Path, *changes: str, name: str = "dense"):
    """An experiment with the network that compiles fastest, for tests of training itself."""
    small = ("model.encoder=[12]", "model.decoder=[12]")
    return of("simple_lstm", folder, *small, *changes, name=name)


def moving_squares() -> np.ndarray:
    """Four clips of a white square that moves to the right: (4, 6, 12, 16, 1)."""
    rng, clips = np.random.default_rng(0), np.zeros((4, 6, 12, 16, 1), "float32")
    for clip in clips:
        row, column = rng.integers(0, 6, 2)
        for t, frame in enumerate(clip):
            frame[row : row + 4, column + t : column + t + 4] = 1.0
    return clips


def assert_resumes_exactly(trained: Job, log: Path, without: tuple[int, ...]) -> None:
    """Training goes on where the steps `without` are missing, to the same state and the same log.

    Args:
        trained: a run's job.
        log: a file of it that every step or validation wrote to.
        without: steps whose checkpoints are removed first; the last step of the run among them.
    """
    checkpoints, last = Checkpoints(trained.run.checkpoints), max(without)
    state, lines = checkpoints.load(last), log.read_bytes()
    for step in without:
        checkpoints.path(step).unlink()
    run_stages(job(trained.experiment, resume=True), ("train",))
    assert checkpoints.steps()[-1] == last
    again = checkpoints.load(last)
    for name in state:
        np.testing.assert_array_equal(again[name], state[name], err_msg=name)
    assert log.read_bytes() == lines
