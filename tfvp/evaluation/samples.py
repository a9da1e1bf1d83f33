"""Chooses clips of the test split, predicts them again and writes their pictures.

For clip 42 the folder gets clip_00042.png (filmstrip), .gif (truth beside prediction) and .npz
(frames and prediction as bytes, for later pictures). samples.json lists the clips.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter, ValidationError

from tfvp.drawing.clips import filmstrip, gif, movie, png, to_bytes
from tfvp.errors import RunError, first_line
from tfvp.evaluation.measure_batch import Predict, given_frames, true_frames
from tfvp.evaluation.metrics import METRICS
from tfvp.evaluation.schema import History, Record
from tfvp.shapes import check_shape
from tfvp.system.files import write_bytes, write_json

INDEX = "samples.json"
NAMED = "named by evaluation.clips"  # the note of a clip that the configuration chose
Drawings = Callable[[ArrayLike, ArrayLike], Mapping[str, NDArray]]
"""Context (Tc, H, W, C) and its prediction (Tp, H, W, C) -> rows of the filmstrip, by name."""
_OURS = re.compile(r"clip_\d{5,}\.(png|gif|npz)")


class Sample(Record):
    """One clip of samples.json: why it was chosen, and its files in the samples folder."""

    clip: int
    note: str
    mse: float
    filmstrip: str
    animation: str
    arrays: str


def choose_clips(
    errors: NDArray[np.float64], count: int, named: Sequence[int] | None = None
) -> dict[int, str]:
    """Choose clips to draw: median, worst and best by error, then the first of the split.

    Args:
        errors: error of each sequence and frame, (N, Tp), lower is better, e.g. the model's mse.
        count: the number of clips; fewer are chosen when the split has fewer.
        named: indices of the clips to draw instead, each below N.

    Returns:
        Index in the split -> why the clip was chosen, in the order given above.
    """
    if named is not None:
        return dict.fromkeys(named, NAMED)
    order = np.argsort(errors.mean(axis=1), kind="stable")
    wanted = [
        (int(order[(len(order) - 1) // 2]), "median error"),
        (int(order[-1]), "largest error"),
        (int(order[0]), "smallest error"),
        *((index, "among the first of the split") for index in range(len(order))),
    ]
    chosen: dict[int, str] = {}
    for index, note in wanted:
        if len(chosen) < count:
            chosen.setdefault(index, note)
    return chosen


def write_samples(
    predict: Predict,
    clips: Mapping[int, ArrayLike],
    folder: Path,
    *,
    context_frames: int,
    notes: Mapping[int, str],
    history: History = History.FREE_RUNNING,
    drawings: Drawings | None = None,
) -> list[Sample]:
    """Predict the clips and write their pictures, replacing those of an earlier call.

    Args:
        predict: given frames float32 (B, T, H, W, C) in [0, 1] -> predicted frames.
        clips: index in the split -> the clip, float (T, H, W, C) in [0, 1].
        folder: the samples folder of the run.
        context_frames: the number of frames of a clip that are given.
        notes: index -> why the clip was chosen.
        history: which frames `predict` is given, see `History`.
        drawings: what shows how the network works, where it has that and is free-running.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for index, clip in clips.items():
        frames = np.asarray(clip, dtype=np.float32)
        check_shape("clip", frames.shape, "T H W C")
        truth = true_frames(frames[None], context_frames, history)[0]
        prediction = np.asarray(predict(given_frames(frames[None], context_frames, history)))[0]
        mse = float(METRICS["mse"](truth[None], prediction[None]).mean())
        frames = truth if history == History.RECONSTRUCTED else frames  # which is the context
        sample = _sample(index, notes[index], mse)
        title = f"test clip {index} ({sample.note}), mse {mse:.1f} per frame"
        drawn = drawings(frames[:context_frames], prediction) if drawings else {}
        write_bytes(folder / sample.filmstrip, png(filmstrip(frames, prediction, title, drawn)))
        write_bytes(folder / sample.animation, gif(movie(frames, prediction)))
        write_bytes(folder / sample.arrays, _arrays(frames, prediction))
        samples.append(sample)
    write_json(folder / INDEX, [sample.model_dump() for sample in samples])
    _remove_earlier(folder, samples)
    return samples


def read_samples(folder: Path) -> list[Sample]:
    """Read samples.json; there are no samples when the file is not there.

    Raises:
        RunError: the file is not one that `write_samples` wrote.
    """
    path = folder / INDEX
    if not path.exists():
        return []
    try:
        samples = TypeAdapter(list[Sample]).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RunError(f"{path}: {first['msg']}; run the evaluate stage again") from None
    for sample in samples:
        for name in (sample.filmstrip, sample.animation, sample.arrays):
            if not _OURS.fullmatch(name):
                raise RunError(f"{path}: {name} is no sample's name; run the evaluate stage again")
    return samples


def read_arrays(folder: Path, sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a clip's frames (T, H, W, C) and its prediction (Tp, H, W, C), uint8.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = folder / sample.arrays
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["frames"], arrays["prediction"]
    except Exception as error:  # readers of zip and npy files raise whatever a flipped bit leads to
        raise RunError(f"{path}: {first_line(error)}; run the evaluate stage again") from None


def _sample(index: int, note: str, mse: float) -> Sample:
    stem = f"clip_{index:05d}"
    return Sample(
        clip=index,
        note=note,
        mse=mse,
        filmstrip=f"{stem}.png",
        animation=f"{stem}.gif",
        arrays=f"{stem}.npz",
    )


def _arrays(frames: NDArray, prediction: NDArray) -> bytes:
    """Encode `frames` (T, H, W, C) and `prediction` (Tp, H, W, C) as uint8 in an npz file."""
    data = io.BytesIO()
    np.savez_compressed(data, frames=to_bytes(frames), prediction=to_bytes(prediction))
    return data.getvalue()


def _remove_earlier(folder: Path, samples: list[Sample]) -> None:
    """Remove clip files that an earlier evaluation wrote and samples.json no longer lists."""
    listed = {name for s in samples for name in (s.filmstrip, s.animation, s.arrays)}
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in listed:
            path.unlink()
