"""Continues anybody's video: reads it, fits it to the network, and brings predictions to its size.

Frames are fitted as a dataset of own videos fits them (`tfvp.data.user_videos.framing`): colour or
gray as the network needs, scaled, or scaled and padded. Predictions go the same way back.
"""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfvp.data.user_videos.files import OwnSource, find_sources, open_frames
from tfvp.data.user_videos.framing import Look, fitted, restored
from tfvp.errors import DataError
from tfvp.sections import DataSection

Continue = Callable[[np.ndarray, int], np.ndarray]
"""Context uint8 (B, T, H, W, C) and a number of steps -> uint8 (B, steps, H, W, C)."""

WINDOWS_AT_ONCE = 8


class Shown(NamedTuple):
    """A frame of the result: its number in the input, from 1, and whether it was predicted."""

    number: int
    predicted: bool
    frame: np.ndarray  # uint8 (H, W, C), of the input's height and width, the network's channels


class Given(NamedTuple):
    """What was read of the input."""

    context: list[np.ndarray]  # uint8 frames as they are, those that are shown before predictions
    fitted: np.ndarray  # uint8 (T, H, W, C), what the network may see
    first: int  # number of the first of them in the input, from 1
    fps: float | None


def only_source(place: Path) -> OwnSource:
    """The one video, frame folder or sequence that a path names.

    Raises:
        DataError: it does not exist, holds none, or several.
    """
    sources, _ = find_sources(place)
    if len(sources) > 1:
        raise DataError(
            f"{place}: holds {len(sources)} clips ({sources[0].name}, {sources[1].name}, …); give "
            "--input one of them"
        )
    return sources[0]


def look_of(data: DataSection, fit: str | None) -> Look:
    """How the network wants frames; `fit` resize or pad, None: as its own data were fitted."""
    return Look(data.frame_px, data.channels, fit or getattr(data, "fit", "resize"), None)


def read_input(place: Path, look: Look, context: int, slide: bool, *, fixed: bool = False) -> Given:
    """Read the last `context` frames of an input, or with `slide` all of them.

    `fixed` says that the network can do with no fewer.

    Raises:
        DataError: it cannot be read, or has fewer frames than `context`.
    """
    source = only_source(place)
    frames, fps = open_frames(source)
    small: deque[np.ndarray] = deque(maxlen=None if slide else context)
    whole: deque[np.ndarray] = deque(maxlen=context)
    count = 0
    for count, frame in enumerate(frames, start=1):
        small.append(fitted(frame, look))
        if not slide or count <= context:
            whole.append(frame)
    if count < context:
        fewer = "" if fixed else f", or make do with fewer: --context {max(1, count)}"
        raise DataError(
            f"{source.path}: has {count} frames, the network continues {context}; give a longer "
            f"clip{fewer}"
        )
    return Given(list(whole), np.stack(small), count - len(small) + 1, fps)


def continued(
    given: Given,
    predict: Continue,
    look: Look,
    steps: int,
    report: Callable[[int], None] = lambda done: None,
) -> Iterator[Shown]:
    """Yield the context's frames and then the predicted ones.

    Every `steps` frames a window of the context's length is continued by `steps` frames; the last
    window ends with the input, and what the window before it predicts beyond that is discarded. An
    input that is one window has its future predicted, nothing more.

    Args:
        given: what was read.
        predict: the network.
        look: how its frames look.
        steps: frames to predict from a window.
        report: told the number of windows done.
    """
    context = len(given.context)
    size = given.context[0].shape[:2]
    for offset, frame in enumerate(given.context):
        native = Look(size, look.channels, "resize", None)
        yield Shown(given.first + offset, False, fitted(frame, native))
    starts = window_starts(len(given.fitted), context, steps)
    ends = [*(start + context for start in starts[1:]), len(given.fitted) + steps]
    for part in range(0, len(starts), WINDOWS_AT_ONCE):
        some = starts[part : part + WINDOWS_AT_ONCE]
        windows = np.stack([given.fitted[start : start + context] for start in some])
        for start, end, future in zip(some, ends[part:], predict(windows, steps), strict=False):
            first = start + context
            for offset, frame in enumerate(future[: end - first]):
                number = given.first + first + offset
                yield Shown(number, True, restored(frame, look, size))
        report(part + len(some))


def window_starts(frames: int, context: int, steps: int) -> list[int]:
    """First frames of the windows: every `steps`, and one at the end.

    >>> window_starts(10, 10, 20), window_starts(14, 4, 4)
    ([0], [0, 4, 8, 10])
    """
    last = frames - context
    return list(dict.fromkeys(chain(range(0, last, steps), [last])))
