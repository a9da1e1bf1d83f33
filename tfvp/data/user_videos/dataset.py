"""A user's own videos, frames or arrays as a dataset: scaled, cut into clips, split by source."""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from rich.console import Console

from tfvp.data import manifest as manifests
from tfvp.data import order
from tfvp.data.shards import Draft, Recipe
from tfvp.data.user_videos.config import UserVideosData
from tfvp.data.user_videos.files import UserVideo, files_of, find_user_videos
from tfvp.data.user_videos.framing import FrameFormat, read_video
from tfvp.errors import DataError
from tfvp.sections import SPLITS
from tfvp.system.progress import progress
from tfvp.system.threads import run_all, usable_cores

READER_VERSION = 1  # raised whenever the same settings would give other bytes
FOLDERS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
TERMS = "the user's own data"

Report = Callable[[str], None]


@dataclass(frozen=True)
class UserVideoClips:
    """The clips of one split."""

    starts: tuple[tuple[UserVideo, int], ...]  # a source and its first frame, from 0
    frame_format: FrameFormat
    frames: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, C) of every clip."""
        return (self.frames, *self.frame_format.frame_px, self.frame_format.channels)

    @property
    def count(self) -> int:
        """How many clips there are."""
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return clip `index`, uint8 (T, H, W, C); raises DataError when its file has changed."""
        source, first = self.starts[index]
        clip = read_video(source, self.frame_format)[first : first + self.frames]
        if len(clip) < self.frames:
            raise DataError(f"{source.path}: changed while it was read")
        return clip

    def source(self, index: int) -> str:
        """Name source and frames of clip `index`, counted after subsampling, from 0."""
        source, first = self.starts[index]
        return f"{source.name} frames {first}-{first + self.frames - 1}"


def draft(config: UserVideosData, report: Report) -> Draft:
    """Look through the user's folder; decoding is left to the draft's `finish`.

    Without `data.source` the data must lie converted in `data.prepared`.

    Raises:
        DataError: the folder is missing or has no source, or nothing fitting was converted.
    """
    if config.source is None:
        return Draft(_converted(config), lambda console: _impossible(config))
    read_video.clear()  # files may have changed
    sources, others = find_user_videos(config.source)
    for path in others:
        report(f"{path}: no video, image or array; left aside")
    digest = hashlib.sha256()
    for path in dict.fromkeys(path for source in sources for path in files_of(source)):
        name = path.relative_to(config.source.parent)
        digest.update(f"{name} {manifests.sha256_of(path)}\n".encode())
    settings = {**wanted(config), "files_sha256": digest.hexdigest()}
    return Draft(settings, lambda console: recipe(config, sources, settings, report, console))


def _impossible(config: UserVideosData) -> Recipe:
    raise DataError(
        f"{config.prepared}: the converted clips lie in a folder that was renamed; give it "
        "back the name that tfvp data convert gave it, or convert again"
    )


def _converted(config: UserVideosData) -> dict[str, Any]:
    """Return the settings of what was converted before and fits."""
    for path in sorted(config.prepared.glob(f"{config.dataset}-*/{manifests.NAME}")):
        settings = manifests.load(path.parent).settings
        if rank(config, settings) is not None:
            return settings
    height, width = config.frame_px
    raise DataError(
        f"{config.prepared}: no clips of {config.total_frames} frames of {height}x{width} with "
        f"{config.channels} channels; make them with tfvp data convert SRC --out "
        f"{config.prepared}, or set data.source"
    )


def wanted(config: UserVideosData) -> dict[str, Any]:
    """Return the settings that decide the bytes, as far as the configuration knows them."""
    return {
        "reader_version": READER_VERSION,
        "source": config.source.name if config.source else None,
        "frame_px": list(config.frame_px),
        "channels": config.channels,
        "frames": config.total_frames,
        "fit": config.fit,
        "fps": config.fps,
        "stride": config.stride or config.total_frames,
        "shares": list(config.shares),
        "seed": config.seed,
    }


def rank(config: UserVideosData, settings: Mapping[str, Any]) -> int | None:
    """Say how well prepared settings serve a configuration: 0 perfectly, None not at all.

    Without `data.source` only the shape of the clips must be the configuration's.
    """
    known = wanted(config)
    if config.source is None:
        known = {key: known[key] for key in ("reader_version", "frame_px", "channels", "frames")}
    return 0 if known.items() <= settings.items() else None


def recipe(
    config: UserVideosData,
    sources: Sequence[UserVideo],
    settings: dict[str, Any],
    report: Report,
    console: Console,
) -> Recipe:
    """Decode every source once, cut it into clips, and split by source.

    Raises:
        DataError: a source cannot be read, or there are too few of them.
    """
    frame_format = FrameFormat(config.frame_px, config.channels, config.fit, config.fps)
    lengths = _lengths(sources, frame_format, console)
    long = [source for source in sources if lengths[source] >= config.total_frames]
    for source in sources:
        if source not in long:
            report(
                f"{source.name}: left out, its {lengths[source]} frames hold no clip of "
                f"{config.total_frames}"
            )
    stride = config.stride or config.total_frames
    splits = {}
    for split, chosen in split_videos(long, config).items():
        starts = tuple(
            (source, first)
            for source in chosen
            for first in range(0, lengths[source] - config.total_frames + 1, stride)
        )
        splits[split] = UserVideoClips(starts, frame_format, config.total_frames)
    return Recipe(config.dataset, settings, _facts(config, splits), splits)


def _facts(config: UserVideosData, splits: Mapping[str, UserVideoClips]) -> dict[str, Any]:
    return {
        "title": f"clips of {config.source.name if config.source else ''}",
        "comparable": False,
        "label": "own data",
        "counts": {split: clips.count for split, clips in splits.items()},
        "sources": {
            split: list(dict.fromkeys(source.name for source, _ in clips.starts))
            for split, clips in splits.items()
        },
        "terms": TERMS,
        "citation": [],
    }


def _lengths(
    sources: Sequence[UserVideo], frame_format: FrameFormat, console: Console
) -> dict[UserVideo, int]:
    """Decode everything, on all cores, and count frames."""
    with progress(console, "reading sources", len(sources)) as shown:

        def length(source: UserVideo, stopping: threading.Event) -> int:
            del stopping
            frames = len(read_video(source, frame_format))
            shown.advance()
            return frames

        return dict(zip(sources, run_all(length, sources, usable_cores()), strict=True))


def split_videos(
    sources: Sequence[UserVideo], config: UserVideosData
) -> dict[str, list[UserVideo]]:
    """Split sources by the folders train/, validation/, test/ if all lie in them, else by shares.

    Raises:
        DataError: fewer sources than splits.
    """
    tops = [PurePath(source.name).parts[0] for source in sources]
    splits: dict[str, list[UserVideo]] = {split: [] for split in SPLITS}
    if sources and all(top in FOLDERS for top in tops):
        for top, source in zip(tops, sources, strict=True):
            splits[FOLDERS[top]].append(source)
        return {split: chosen for split, chosen in splits.items() if chosen}
    shares = {s: n for s, n in zip(SPLITS, config.shares, strict=True) if n}
    if len(sources) < len(shares):
        raise DataError(
            f"{config.source}: {len(sources)} sources that are long enough cannot make the splits "
            f"{', '.join(shares)}: a source belongs to one split; add some, lower the number of "
            "frames, or set data.shares, e.g. [0, 0, 1]"
        )
    mixed = [sources[i] for i in order.shuffled(config.seed, "user videos", (), len(sources))]
    left = len(shares)
    for split in reversed(shares):  # the rest is the first one's, which is training if wanted
        left -= 1
        share = round(len(sources) * shares[split] / sum(shares.values()))
        part = min(max(1, share), len(mixed) - left) if left else len(mixed)
        splits[split], mixed = sorted(mixed[:part], key=lambda s: s.name), mixed[part:]
    return {split: chosen for split, chosen in splits.items() if chosen}
