"""Measures a network and the baselines on the same sequences, and writes the result files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tfvp.errors import DataError
from tfvp.evaluation.measure_batch import Predict, check_clips, known_metrics, measure_batch
from tfvp.evaluation.metrics import METRICS, PerFrame
from tfvp.evaluation.per_sequence import SequenceValues, sequences_csv
from tfvp.evaluation.schema import (
    MODEL,
    Estimate,
    FrameRow,
    History,
    Metadata,
    MetricInfo,
    Metrics,
    Protocol,
    frames_csv,
)
from tfvp.runs.folder import ResultFolder
from tfvp.system.files import write_json, write_text

Z_95 = 1.96  # standard deviations of a normal distribution around its mean that hold 95 %


@dataclass(frozen=True)
class Evaluation:
    """The values of an evaluation: `values[method][metric]` is (sequences, predict_frames)."""

    context_frames: int
    predict_frames: int
    frame_shape: tuple[int, int, int]  # height, width, channels
    values: Mapping[str, Mapping[str, PerFrame]]
    history: History = History.FREE_RUNNING

    @property
    def sequences(self) -> int:
        """The number of measured sequences."""
        return len(next(iter(self.values[MODEL].values())))

    @property
    def frame_numbers(self) -> range:
        """Numbers of the measured frames in their clip, from 1: 11 to 20 after 10 given ones."""
        if self.history == History.RECONSTRUCTED:
            return range(1, self.context_frames + 1)
        return range(self.context_frames + 1, self.context_frames + self.predict_frames + 1)

    @property
    def errors(self) -> PerFrame:
        """The network's mse or first metric, lower is better: (sequences, predict_frames)."""
        measured = self.values[MODEL]
        name = "mse" if "mse" in measured else next(iter(measured))
        return measured[name] if METRICS[name].better == "lower" else -measured[name]

    def overall(self, method: str, metric: str) -> Estimate:
        """The mean over frames and sequences; the interval is that of the sequences' means."""
        values = self.values[method][metric]
        infinite = int(np.isinf(values).sum())
        return estimate(values.mean(axis=1)).model_copy(update={"infinite": infinite})

    def per_frame(self, method: str, metric: str) -> list[Estimate]:
        """The mean over sequences of each predicted frame."""
        return [estimate(column) for column in self.values[method][metric].T]


def estimate(values: PerFrame) -> Estimate:
    """Estimate the mean of one number per sequence, (N,), with its 95 % confidence interval.

    The interval is 1.96 * standard deviation (ddof 1) / sqrt(N) to both sides, the normal
    approximation: 1, 2, 3 give 2 +- 1.1316. An infinite value (PSNR of a frame predicted exactly)
    makes the mean infinite, as in the released programs, and leaves no interval.
    """
    mean = float(values.mean())
    infinite = int(np.isinf(values).sum())
    if infinite or len(values) < 2:
        return Estimate(
            mean="inf" if infinite else mean,
            ci95_low=None,
            ci95_high=None,
            sequences=len(values),
            infinite=infinite,
        )
    half = Z_95 * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(mean=mean, ci95_low=mean - half, ci95_high=mean + half, sequences=len(values))


def evaluate(
    predict: Predict,
    batches: Iterable[ArrayLike],
    *,
    context_frames: int,
    predict_frames: int,
    metrics: Sequence[str],
    history: History = History.FREE_RUNNING,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Measure `predict` and every baseline on the same sequences.

    Args:
        predict: the network; it is given the context and nothing else, see `Predict`.
        batches: clips, float (B, context_frames + predict_frames, H, W, C) in [0, 1].
        context_frames: frames that are given.
        predict_frames: frames after them; they are measured, or the context if reconstructed.
        metrics: names in METRICS.
        history: what a frame is predicted from, see `History`.
        progress: called after each batch with the number of sequences done.

    Raises:
        ValueError: an unknown metric, or a prediction of another shape than the true frames.
        DataError: there are no sequences, or some have another length or frame size.
        TrainingError: the network predicts NaN or infinity.
    """
    names = known_metrics(metrics)
    parts, frame_shape, done = [], (0, 0, 0), 0
    for batch in batches:
        clips = np.asarray(batch, dtype=np.float32)
        check_clips(clips, context_frames + predict_frames, frame_shape if parts else None)
        frame_shape = clips.shape[2:]
        parts.append(measure_batch(predict, clips, context_frames, names, history, done))
        done += len(clips)
        if progress is not None:
            progress(done)
    if not parts:
        raise DataError("evaluation: there are no sequences to measure; the split is empty")
    values = _joined(parts)
    return Evaluation(context_frames, predict_frames, frame_shape, values, history)


def write(evaluation: Evaluation, folder: ResultFolder, metadata: Metadata) -> None:
    """Write metrics.json, per_frame.csv and per_sequence.csv; each replaces an old one at once."""
    methods = evaluation.values
    metrics = Metrics(
        metadata=metadata,
        protocol=Protocol(
            context_frames=evaluation.context_frames,
            predict_frames=len(evaluation.frame_numbers),
            first_frame=evaluation.frame_numbers[0],
            frame_shape=evaluation.frame_shape,
            history=evaluation.history,
            sequences=evaluation.sequences,
        ),
        metrics={
            name: MetricInfo(
                title=METRICS[name].title,
                unit=METRICS[name].unit,
                better=METRICS[name].better,
                definition=METRICS[name].definition,
            )
            for name in methods[MODEL]
        },
        results={
            method: {name: evaluation.overall(method, name) for name in by_metric}
            for method, by_metric in methods.items()
        },
    )
    write_text(folder.per_frame_path, frames_csv(_frame_rows(evaluation)))
    per_sequence = SequenceValues(evaluation.frame_numbers, methods)
    write_text(folder.per_sequence_path, sequences_csv(per_sequence))
    write_json(folder.metrics_path, metrics.as_json())


def _frame_rows(evaluation: Evaluation) -> list[FrameRow]:
    """The lines of per_frame.csv: every method, metric and predicted frame."""
    return [
        FrameRow(
            method,
            metric,
            number,
            step,
            e.value,
            e.ci95_low,
            e.ci95_high,
            e.sequences,
            METRICS[metric].definition,
        )
        for method, by_metric in evaluation.values.items()
        for metric in by_metric
        for step, (number, e) in enumerate(
            zip(evaluation.frame_numbers, evaluation.per_frame(method, metric), strict=True),
            start=1,
        )
    ]


def _joined(parts: list[dict[str, dict[str, PerFrame]]]) -> dict[str, dict[str, PerFrame]]:
    """Join the batches: method -> metric -> values (sequences, predicted frames)."""
    return {
        method: {name: np.concatenate([part[method][name] for part in parts]) for name in by_metric}
        for method, by_metric in parts[0].items()
    }
