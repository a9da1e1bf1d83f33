"""Reads a user's video frame by frame, with the times that frames stand at and what is damaged."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfvp.data.user_videos import arrays
from tfvp.data.user_videos.files import UserVideo, files_of
from tfvp.data.user_videos.images import (
    Picture,
    gif_durations,
    numbers_of,
    read_gif,
    read_pages,
)
from tfvp.errors import DataError
from tfvp.system.video import Film


class Frame(NamedTuple):
    """A frame of a user's video."""

    number: int  # from 0; where frames are missing or damaged, numbers are left out
    seconds: float | None  # since the first frame; None: nothing says so
    pixels: np.ndarray  # uint8 (H, W, C), C 1 or 3 (red, green, blue)


class Frames:
    """The frames of a video, read one by one; what was noticed is known at the end.

    Args:
        video: what is read.

    Raises:
        DataError: while they are read: they cannot be read at all.
    """

    def __init__(self, video: UserVideo):
        self.video = video
        self.damage = ""  # what cannot be read; empty: nothing
        self.notes: dict[str, None] = {}  # what gets lost, as an ordered set
        self.fps = video.reading.source_fps  # frames a second; None: nothing says so
        self._at = video.path  # the file that is read

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames that can be read."""
        if self.video.kind == "array":
            yield from self._following(_sequence(self.video))
        elif self.video.kind == "frames":
            yield from self._images()
        elif self.video.kind == "stack":
            pages = read_pages(self.video.path, self.video.reading.values, self.notes)
            yield from self._of_one_size(self._following(pages))
        elif self.video.path.suffix.lower() == ".gif":
            yield from self._gif()
        else:
            yield from self._film()

    def _following(self, pictures: Iterator[np.ndarray]) -> Iterator[Frame]:
        """Number pictures from 0; they end where one is damaged."""
        number = -1
        try:
            for number, pixels in enumerate(pictures):
                yield Frame(number, None if self.fps is None else number / self.fps, pixels)
        except Picture as error:
            self.damage = f"picture {number + 1} cannot be read ({error})"
        if number < 0:
            raise DataError(f"{self.video.path}: {self.damage or 'has no frames'}; take it away")

    def _film(self) -> Iterator[Frame]:
        film, last = Film(self.video.path), 0.0
        for number, last, pixels in film:
            yield Frame(number, last, pixels)
        self.damage = film.damage
        self.fps = film.fps if film.decoded < 2 or not last else (film.decoded - 1) / last

    def _gif(self) -> Iterator[Frame]:
        shown_ms, now = gif_durations(self.video.path), 0
        self.fps = 1000 * len(shown_ms) / sum(shown_ms) if sum(shown_ms) else None
        for frame, duration in zip(
            self._following(read_gif(self.video.path)), shown_ms, strict=False
        ):
            yield frame._replace(seconds=now / 1000 if self.fps else None)
            now += duration

    def _images(self) -> Iterator[Frame]:
        paths, damaged = files_of(self.video), {}
        numbers = numbers_of(paths)
        if numbers[-1] >= len(paths):
            after = next(i for i, number in enumerate(numbers) if number > i)
            missing = numbers[-1] + 1 - len(paths)
            self.notes[
                f"{missing} numbers are missing, e.g. between {paths[after - 1].name} and "
                f"{paths[after].name}; no clip crosses such a gap"
            ] = None
        yield from self._of_one_size(self._readable(paths, numbers, damaged))
        if len(damaged) == len(paths):
            path, error = next(iter(damaged.items()))
            raise DataError(f"{path}: cannot be read as an image ({error}); take it away")
        self.damage = ", ".join(
            f"{path.name} cannot be read ({error})" for path, error in damaged.items()
        )

    def _readable(
        self, paths: list[Path], numbers: list[int], damaged: dict[Path, Picture]
    ) -> Iterator[Frame]:
        for number, path in zip(numbers, paths, strict=True):
            self._at = path
            try:
                pages = read_pages(path, self.video.reading.values, self.notes)
                yield Frame(number, None if self.fps is None else number / self.fps, next(pages))
            except Picture as error:
                damaged[path] = error

    def _of_one_size(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Pass frames on; raises DataError where one has another size than the first."""
        size = None
        for frame in frames:
            found = frame.pixels.shape[:2]
            size = size or found
            if found != size:
                raise DataError(
                    f"{self._at}: expected {size[0]}x{size[1]} as the first image of its folder, "
                    f"got {found[0]}x{found[1]}; one folder is one clip"
                )
            yield frame


def _sequence(video: UserVideo) -> Iterator[np.ndarray]:
    """Yield the frames of one sequence of an array, uint8 (H, W, C)."""
    clip = arrays.sequence(arrays.open_array(video.path, video.key), video.axes, video.number)
    for frame in clip:
        yield video.reading.values.to_bytes(frame, f"{video.path}: {video.name}")
