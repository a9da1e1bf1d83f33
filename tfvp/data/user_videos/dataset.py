"""A user's own videos as a dataset: scaled, cut into clips, and split video by video."""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from tfvp.data import manifest as manifests
from tfvp.data.base import Dataset, DatasetContents, DatasetPlan, Report
from tfvp.data.user_videos.config import UserVideosData
from tfvp.data.user_videos.convert import does_not_fit, too_short
from tfvp.data.user_videos.files import UserVideo, files_of, find_user_videos, reading_of
from tfvp.data.user_videos.framing import FrameFormat, read_video
from tfvp.data.user_videos.splits import SHARES, by_folders, by_shares, by_time
from tfvp.data.windows import WindowClips, sliding
from tfvp.errors import DataError
from tfvp.sections import SPLITS
from tfvp.system.progress import progress
from tfvp.system.threads import run_all, usable_cores

READER_VERSION = 2  # raised whenever the same settings would give other bytes
TERMS = "the user's own data"
_DECIDE = (
    *("fit", "fps", "source_fps", "axes", "arrays", "value_range", "nan", "split_by", "shares"),
    "seed",
)
"""Keys that decide the bytes and are not spelt otherwise in the settings."""


@dataclass(frozen=True)
class UserVideoClips(WindowClips[UserVideo]):
    """The clips of one split; frames are numbered from 0, after subsampling to `data.fps`."""

    frame_format: FrameFormat

    def window(self, video: UserVideo, first: int) -> np.ndarray:
        """Return the frames from number `first` on; raises DataError where a file has changed."""
        clip = read_video(video, self.frame_format).window(first, self.shape[0])
        if len(clip) < self.shape[0]:
            raise DataError(f"{video.path}: changed while it was read")
        return clip


class UserVideosDataset(Dataset[UserVideosData]):
    """A user's videos with the settings of a configuration."""

    def wanted_settings(self) -> dict[str, Any]:
        """Return the settings that decide the bytes, as far as the configuration knows them.

        Without `data.source` only the clips' shape must be the configuration's.
        """
        config = self.config
        settings = {
            "reader_version": READER_VERSION,
            "frame_px": list(config.frame_px),
            "channels": config.channels,
            "frames": config.total_frames,
        }
        if config.source is None:
            return settings
        return {
            **settings,
            "source": config.source.name,
            "stride": config.stride or config.total_frames,
            **{key: config.model_dump(mode="json")[key] for key in _DECIDE},
        }

    def plan(self, report: Report) -> DatasetPlan:
        """Look through the user's folder; decoding is left to the plan's `read`.

        Without `data.source` the clips must lie converted in `data.prepared`.

        Raises:
            DataError: the folder is missing or has no video, or no matching clips were converted.
        """
        source = self.config.source
        if source is None:
            return DatasetPlan(self._converted(), self._renamed)
        read_video.clear()  # files may have changed
        videos, notes = find_user_videos(source, reading_of(self.config))
        for note in notes:
            report(note)
        if self.config.split_by == "source" and self.config.shares is None:
            by_folders(videos, source)  # refuses before anything is decoded
        digest = hashlib.sha256()
        for path in dict.fromkeys(path for video in videos for path in files_of(video)):
            name = path.relative_to(source.parent)
            digest.update(f"{name} {manifests.sha256_of(path)}\n".encode())
        settings = {**self.wanted_settings(), "files_sha256": digest.hexdigest()}
        return DatasetPlan(
            settings, lambda console: _read(self.config, videos, settings, report, console)
        )

    def _converted(self) -> dict[str, Any]:
        """Return the settings of clips that were converted before and match."""
        config = self.config
        held = []
        for path in sorted(config.prepared.glob(f"{config.dataset}-*/{manifests.NAME}")):
            settings = manifests.load(path.parent).settings
            if self.match_score(settings) is not None:
                return settings
            held.append(settings)
        raise DataError(does_not_fit(config, held))

    def _renamed(self, console: Console) -> DatasetContents:
        """Refuse to read: only where the folder's name is not that of its settings is it asked."""
        raise DataError(
            f"{self.config.prepared}: the converted clips lie in a folder that was renamed; give "
            "it back the name that tfvp data convert gave it, or convert again"
        )


def _read(
    config: UserVideosData,
    videos: Sequence[UserVideo],
    settings: dict[str, Any],
    report: Report,
    console: Console,
) -> DatasetContents:
    """Decode every video once, cut it into clips, and split video by video or by time.

    Raises:
        DataError: a video cannot be read, or there are too few of them.
    """
    frame_format = FrameFormat(config.frame_px, config.channels, config.fit, config.fps)
    overviews = _overviews(config, videos, frame_format, console)
    damaged = []
    for video, overview in overviews.items():
        for line in overview.lines(video):
            report(line)
        if overview.damage:
            damaged.append(video)
    starts = _starts(config, videos, {v: o.numbers for v, o in overviews.items()}, report)
    shape = (config.total_frames, *frame_format.shape)
    splits = {split: UserVideoClips(tuple(s), shape, frame_format) for split, s in starts.items()}
    incomplete = ""
    if damaged:
        settings = {**settings, "damaged": [video.name for video in damaged]}
        if not config.allow_missing:
            what = f"{damaged[0].path}: {overviews[damaged[0]].damage}"
            others = f", and {len(damaged) - 1} more of {config.source}" if damaged[1:] else ""
            incomplete = f"{what}{others}"
    return DatasetContents(settings, _facts(config, splits), splits, incomplete)


def _starts(
    config: UserVideosData,
    videos: Sequence[UserVideo],
    numbers: Mapping[UserVideo, Sequence[int]],
    report: Report,
) -> dict[str, list[tuple[UserVideo, int]]]:
    """Choose the clips of every split: a video and the number of its first frame."""
    total, stride = config.total_frames, config.stride or config.total_frames
    starts = {video: sliding(numbers[video], total, stride) for video in videos}
    for video in videos:
        if not starts[video]:
            report(
                f"{video.name}: left out, its {len(numbers[video])} frames hold no clip of {total}"
            )
    long = [video for video in videos if starts[video]]
    if not long:
        raise DataError(too_short(config, max(map(len, numbers.values()))))
    shares = config.shares or SHARES
    if config.split_by == "time":
        parts = {video: by_time(numbers[video], shares) for video in long}
        cut = {
            split: [
                (video, first)
                for video in long
                for first in sliding(parts[video].get(split, []), total, stride)
            ]
            for split in SPLITS
        }
        if not any(cut.values()):
            longest = max(len(part) for each in parts.values() for part in each.values())
            raise DataError(too_short(config, longest, "stretch that --split-by time cuts"))
        return {split: clips for split, clips in cut.items() if clips}
    splits = None if config.shares else by_folders(long, config.source)
    splits = splits or by_shares(long, shares, config.seed, config.source)
    return {
        split: [(v, first) for v in some for first in starts[v]] for split, some in splits.items()
    }


def _facts(config: UserVideosData, splits: Mapping[str, UserVideoClips]) -> dict[str, Any]:
    return {
        "title": f"clips of {config.source.name if config.source else ''}",
        "comparable": False,
        "label": "own data",
        "counts": {split: clips.count for split, clips in splits.items()},
        "sources": {
            split: list(dict.fromkeys(video.name for video, _ in clips.starts))
            for split, clips in splits.items()
        },
        "terms": TERMS,
        "citation": [],
    }


class _Overview(NamedTuple):
    """What is known of a video after it was decoded."""

    numbers: tuple[int, ...]  # of its frames
    size: tuple[int, ...]  # height, width, channels
    damage: str
    notes: tuple[str, ...]

    def lines(self, video: UserVideo) -> Iterator[str]:
        """Say what the video was taken for, what gets lost of it and what is damaged."""
        if video.kind != "array":  # arrays are described as wholes
            size = " × ".join(map(str, (len(self.numbers), *self.size)))
            yield f"{video.name}: 1 × {size} (sources × frames × H × W × channels)"
        yield from (f"{video.name}: {note}" for note in self.notes)
        if self.damage:
            yield f"{video.name}: damaged: {self.damage}"


def _overviews(
    config: UserVideosData,
    videos: Sequence[UserVideo],
    frame_format: FrameFormat,
    console: Console,
) -> dict[UserVideo, _Overview]:
    """Decode every video, on all cores, and say what each holds."""
    with progress(console, "reading sources", len(videos)) as shown:

        def overview(video: UserVideo, stopping: threading.Event) -> _Overview:
            del stopping
            try:
                read = read_video(video, frame_format)
            except DataError as error:
                if not config.allow_missing:
                    raise
                return _Overview((), (0, 0, 0), str(error), ())
            finally:
                shown.advance()
            return _Overview(read.numbers, read.size, read.damage, read.notes)

        return dict(zip(videos, run_all(overview, videos, usable_cores()), strict=True))


DATASET = UserVideosDataset
