"""The batches of an experiment's updates, whatever backend takes them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tfvp.backend import backend
from tfvp.config.experiment import Experiment
from tfvp.data import pipeline
from tfvp.data.prepare import PreparedData, training_source
from tfvp.data.records import FirstFrames
from tfvp.training.augmentation import Augmentation
from tfvp.training.schedules import truth_probabilities


def training_batches(
    experiment: Experiment,
    prepared: PreparedData,
    report: Callable[[str], None],
    start_step: int = 1,
    rows: Sequence[int] | None = None,
) -> Any:
    """Return the endless batches of updates, see `Trainer`.

    Args:
        experiment: decides batch, order, and how often the truth is fed.
        prepared: its data.
        report: takes lines for the console.
        start_step: the step of the first batch, from 1.
        rows: places in the global batch; None: all.

    Returns:
        A tf.data pipeline under TensorFlow, else an iterable of NumPy batches.

    Raises:
        DataError: a shard is not whole, or the raw data for new clips are not found again.
    """
    config, data = experiment.training, experiment.data
    sampling = config.scheduled_sampling
    context, future = data.context_frames, experiment.trained_future
    lengths = {"context_frames": context, "predict_frames": future}
    clips = training_source(data, prepared, report=report)
    batches = pipeline.TrainingBatches(
        FirstFrames(clips, context + future),
        batch=config.global_batch,
        seed=config.seed,
        sampling=partial(truth_probabilities, sampling=sampling, **lengths),
        exact_share=sampling is not None and sampling.exact_share,
        change=config.augmentation and Augmentation(config.augmentation, clips, config.seed),
        reverse_input=config.reverse_input,
        rows=rows,
    )
    if backend.TAKES_DATASETS:
        return batches.as_dataset(start_step)
    return pipeline.Prefetched(partial(batches.in_numpy, start_step))
