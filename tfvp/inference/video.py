"""Continues a user's video: reads it, fits it to the network, and scales predictions back.

Frames are fitted as the dataset of user videos fits them (`tfvp.data.user_videos.framing`): colour
or gray as the network needs, scaled, or scaled and padded. Predictions go the same way back.
"""

import shlex
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfvp.data.user_videos.files import Found, Reading, UserVideo, find_user_videos
from tfvp.data.user_videos.frames import Frame, Frames
from tfvp.data.user_videos.framing import FrameFormat, fit_frame, restore_frame, taken
from tfvp.errors import DataError
from tfvp.sections import DataSection

Predict = Callable[[np.ndarray, int], np.ndarray]
"""Maps context, uint8 (B, T, H, W, C), and a number of steps to uint8 (B, steps, H, W, C)."""

WINDOWS_AT_ONCE = 8


class OutputFrame(NamedTuple):
    """A frame of the result, taken over from the input or predicted."""

    number: int  # in the input, from 1; predicted frames are counted on
    predicted: bool
    frame: np.ndarray  # uint8 (H, W, C), of the input's height and width, the network's channels


class InputClip(NamedTuple):
    """The frames that were read of the input."""

    context: list[np.ndarray]  # uint8 (H, W, C) of the input's size, which precede the predictions
    fitted: np.ndarray  # uint8 (T, H, W, C) in the network's format
    first: int  # number of the first frame among those taken of the input, from 1
    fps: float | None  # rate of these frames; None: nothing says it
    notes: list[str]  # what the input was taken for, and what gets lost of it


def only_user_video(place: Path, reading: Reading | None = None) -> Found:
    """Find the only video, frame folder or array that a path names.

    Args:
        place: a video, a folder of images, an array, or a sequence of one: `x.npy[0]`.
        reading: how arrays and values are to be understood.

    Raises:
        DataError: the path does not exist, or holds none or several of them.
    """
    found = find_user_videos(place, reading)
    if len(found.videos) > 1:
        base = place if place.is_dir() else place.parent
        names = [shlex.quote(str(base / video.name)) for video in found.videos[:2]]
        raise DataError(
            f"{place}: holds {len(found.videos)} clips; give one of them, --input {names[0]} or "
            f"--input {names[1]}{', …' if len(found.videos) > 2 else ''}"
        )
    return found


def frame_format_of(data: DataSection, fit: str | None, fps: float | None = None) -> FrameFormat:
    """Return the format that a network wants.

    Args:
        data: the data section of the run in which the network was trained.
        fit: "resize" or "pad", see `fit_frame`; None: as the training data were fitted.
        fps: frames a second; None: as many as were taken of the training data.
    """
    return FrameFormat(
        *(data.frame_px, data.channels),
        fit=fit or data.source_reading.fit,
        fps=fps or data.source_reading.fps,
    )


def read_input(
    place: Path,
    frame_format: FrameFormat,
    context: int,
    slide: bool,
    *,
    fixed: bool = False,
    reading: Reading | None = None,
) -> InputClip:
    """Read the last `context` frames of an input; those before a gap are left out.

    Args:
        place: a video, a folder of images, or an array.
        frame_format: the network's. Where nothing says at which rate the input's frames stand, they
            are taken for frames of the network's rate.
        context: frames that a prediction starts from.
        slide: read all frames, for predictions all along the input; its first `context` frames
            are then those that precede the predictions.
        fixed: whether the network can do with no fewer.
        reading: how arrays and values are to be understood.

    Raises:
        DataError: the input cannot be read, is damaged, or has fewer frames than `context`.
    """
    (video,), notes = only_user_video(place, reading)
    fps, note = _rate(video, frame_format.fps)
    frames = Frames(video)
    original, fitted, last = _since_the_last_gap(taken(frames, fps), frame_format, context, slide)
    if frames.damage:
        raise DataError(f"{video.path}: is damaged: {frames.damage}; repair it, or cut it out")
    if len(original) < context:
        count, first = len(original), last - len(original) + 2
        fewer = "" if fixed else f", or make do with fewer: --context {max(1, count)}"
        gap = f" after the gap before number {first}" if first > 1 else ""
        raise DataError(
            f"{video.path}: has {count} frames{gap}, the network continues {context}; give a "
            f"longer clip{fewer}"
        )
    notes, rate = [*notes, *note, *frames.notes], frame_format.fps or frames.fps
    return InputClip(original, np.stack(fitted), last - len(fitted) + 2, rate, notes)


def _since_the_last_gap(
    frames: Iterator[Frame], frame_format: FrameFormat, context: int, slide: bool
) -> tuple[list[np.ndarray], list[np.ndarray], int]:
    """Return `InputClip.context` and `fitted` after the last gap, and the last frame's number."""
    fitted, original = deque(maxlen=None if slide else context), deque(maxlen=context)
    last = -1
    for frame in frames:
        if frame.number != last + 1:
            fitted.clear()
            original.clear()
        last = frame.number
        fitted.append(fit_frame(frame.pixels, frame_format))
        if not slide or len(fitted) <= context:
            original.append(frame.pixels)
    return list(original), list(fitted), last


def _rate(video: UserVideo, fps: float | None) -> tuple[float | None, list[str]]:
    """Return how many frames a second are taken of an input, None for all, and what to say."""
    if fps is None:
        return None, []
    if video.kind != "video" and video.reading.source_fps is None:
        said = f"nothing says its frame rate, it is taken for {fps:g} (--source-fps RATE: another)"
        return None, [f"{video.name}: {said}"]
    return fps, [f"{video.name}: {fps:g} frames a second are taken of it (--fps RATE: others)"]


def example_clip(frames: np.ndarray, known: int, context: int) -> InputClip:
    """Return the context of a clip, uint8 (T, H, W, C), as if it had been read.

    Args:
        frames: the clip, in the network's format.
        known: frames before those that the network predicts.
        context: how many of them are given, the last ones.

    Raises:
        DataError: it has not so many.
    """
    if context > known:
        raise DataError(f"--context {context}: the example has {known} frames; give --input a clip")
    given = frames[known - context : known]
    return InputClip(list(given), given, known - context + 1, None, [])


def continue_clip(
    clip: InputClip,
    predict: Predict,
    frame_format: FrameFormat,
    steps: int,
    report: Callable[[int], None] = lambda done: None,
) -> Iterator[OutputFrame]:
    """Yield the context's frames and then the predicted ones.

    A window of the context's length slides along the input in strides of `steps` frames, and
    `steps` frames are predicted after each. The last window ends with the input; frames that the
    window before it predicts beyond that are discarded. An input as long as one window has its
    future predicted and nothing more.

    Args:
        clip: the frames that were read.
        predict: the network.
        frame_format: the network's, with which `clip` was read.
        steps: frames to predict after a window.
        report: is called with the number of windows that are done.

    Yields:
        frames of the input's height and width with the network's channels, in order.
    """
    context = len(clip.context)
    size = clip.context[0].shape[:2]
    for offset, frame in enumerate(clip.context):
        native = FrameFormat(size, frame_format.channels, "resize", None)
        yield OutputFrame(clip.first + offset, False, fit_frame(frame, native))
    starts = window_starts(len(clip.fitted), context, steps)
    ends = [*(start + context for start in starts[1:]), len(clip.fitted) + steps]
    for part in range(0, len(starts), WINDOWS_AT_ONCE):
        some = starts[part : part + WINDOWS_AT_ONCE]
        windows = np.stack([clip.fitted[start : start + context] for start in some])
        for start, end, future in zip(some, ends[part:], predict(windows, steps), strict=False):
            first = start + context
            for offset, frame in enumerate(future[: end - first]):
                number = clip.first + first + offset
                yield OutputFrame(number, True, restore_frame(frame, frame_format, size))
        report(part + len(some))


def window_starts(frames: int, context: int, steps: int) -> list[int]:
    """Return the first frame of each window: one every `steps` frames, and one at the end.

    >>> window_starts(10, 10, 20), window_starts(14, 4, 4)
    ([0], [0, 4, 8, 10])
    """
    last = frames - context
    return list(dict.fromkeys(chain(range(0, last, steps), [last])))
