"""A user's own videos as a dataset: scaled, cut into clips, and split video by video."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from rich.console import Console

from tfvp.data import manifest as manifests
from tfvp.data import order
from tfvp.data.base import Dataset, DatasetContents, DatasetPlan, Report
from tfvp.data.user_videos.config import UserVideosData
from tfvp.data.user_videos.files import UserVideo, files_of, find_user_videos
from tfvp.data.user_videos.framing import FrameFormat, read_video
from tfvp.data.windows import WindowClips
from tfvp.errors import DataError
from tfvp.sections import SPLITS
from tfvp.system.progress import progress
from tfvp.system.threads import run_all, usable_cores

READER_VERSION = 1  # raised whenever the same settings would give other bytes
FOLDERS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
TERMS = "the user's own data"


@dataclass(frozen=True)
class UserVideoClips(WindowClips[UserVideo]):
    """The clips of one split; frames are numbered from 0, after subsampling to `data.fps`."""

    frame_format: FrameFormat

    def window(self, video: UserVideo, first: int) -> np.ndarray:
        """Return the frames from number `first` on; raises DataError where a file has changed."""
        clip = read_video(video, self.frame_format)[first : first + self.shape[0]]
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
            "fit": config.fit,
            "fps": config.fps,
            "stride": config.stride or config.total_frames,
            "shares": list(config.shares),
            "seed": config.seed,
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
        videos, others = find_user_videos(source)
        for path in others:
            report(f"{path}: no video, image or array; left aside")
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
        for path in sorted(config.prepared.glob(f"{config.dataset}-*/{manifests.NAME}")):
            settings = manifests.load(path.parent).settings
            if self.match_score(settings) is not None:
                return settings
        height, width = config.frame_px
        raise DataError(
            f"{config.prepared}: no clips of {config.total_frames} frames of {height}x{width} with "
            f"{config.channels} channels; make them with tfvp data convert SRC --out "
            f"{config.prepared}, or set data.source"
        )

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
    """Decode every video once, cut it into clips, and split video by video.

    Raises:
        DataError: a video cannot be read, or there are too few of them.
    """
    frame_format = FrameFormat(config.frame_px, config.channels, config.fit, config.fps)
    lengths = _lengths(videos, frame_format, console)
    long = [video for video in videos if lengths[video] >= config.total_frames]
    for video in videos:
        if video not in long:
            report(
                f"{video.name}: left out, its {lengths[video]} frames hold no clip of "
                f"{config.total_frames}"
            )
    stride = config.stride or config.total_frames
    splits = {}
    for split, chosen in split_videos(long, config).items():
        starts = tuple(
            (video, first)
            for video in chosen
            for first in range(0, lengths[video] - config.total_frames + 1, stride)
        )
        shape = (config.total_frames, *frame_format.shape)
        splits[split] = UserVideoClips(starts, shape, frame_format)
    return DatasetContents(settings, _facts(config, splits), splits)


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


def _lengths(
    videos: Sequence[UserVideo], frame_format: FrameFormat, console: Console
) -> dict[UserVideo, int]:
    """Decode every video, on all cores, and return how many frames each has."""
    with progress(console, "reading sources", len(videos)) as shown:

        def length(video: UserVideo, stopping: threading.Event) -> int:
            del stopping
            frames = len(read_video(video, frame_format))
            shown.advance()
            return frames

        return dict(zip(videos, run_all(length, videos, usable_cores()), strict=True))


def split_videos(videos: Sequence[UserVideo], config: UserVideosData) -> dict[str, list[UserVideo]]:
    """Split by the folders train/, validation/, test/ if all videos lie in them, else by shares.

    Raises:
        DataError: there are fewer videos than splits.
    """
    tops = [PurePath(video.name).parts[0] for video in videos]
    splits: dict[str, list[UserVideo]] = {split: [] for split in SPLITS}
    if videos and all(top in FOLDERS for top in tops):
        for top, video in zip(tops, videos, strict=True):
            splits[FOLDERS[top]].append(video)
        return {split: chosen for split, chosen in splits.items() if chosen}
    shares = {s: n for s, n in zip(SPLITS, config.shares, strict=True) if n}
    if len(videos) < len(shares):
        raise DataError(
            f"{config.source}: {len(videos)} sources that are long enough cannot make the splits "
            f"{', '.join(shares)}: a source belongs to one split; add some, lower the number of "
            "frames, or set data.shares, e.g. [0, 0, 1]"
        )
    mixed = [videos[i] for i in order.shuffled(config.seed, "user videos", (), len(videos))]
    left = len(shares)
    for split in reversed(shares):  # the rest is the first one's, which is training if wanted
        left -= 1
        share = round(len(videos) * shares[split] / sum(shares.values()))
        part = min(max(1, share), len(mixed) - left) if left else len(mixed)
        splits[split], mixed = sorted(mixed[:part], key=lambda s: s.name), mixed[part:]
    return {split: chosen for split, chosen in splits.items() if chosen}


DATASET = UserVideosDataset
