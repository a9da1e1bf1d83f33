"""Splits a user's videos: by the names of their folders, by shares of the videos, or by time."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from tfvp.data import order
from tfvp.data.user_videos.files import UserVideo
from tfvp.errors import DataError
from tfvp.sections import SPLITS

NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""The usual names of splits' folders, in any case."""
SHARES = (8, 1, 1)
_NEAR = 0.8  # "trian" and "tests" are meant as names of splits


def by_folders(
    videos: Sequence[UserVideo], place: Path | None
) -> dict[str, list[UserVideo]] | None:
    """Split by folders named as splits are, train/ or Validation/, at one level above all videos.

    Args:
        videos: those that were found.
        place: where they were looked for; its own name means nothing.

    Returns:
        the videos of every split that has some; None where no folder is named so.

    Raises:
        DataError: only some videos lie in such folders, or a folder's name is nearly one of them.
    """
    folders = {video: PurePath(video.name).parts[:-1] for video in videos}
    for video in videos:
        if video.kind == "frames" and video.path != place:  # is a folder itself
            folders[video] = PurePath(video.name).parts
    depth = max((len(parts) for parts in folders.values()), default=0)
    for level in range(depth):
        names = {v: NAMES.get(p[level].lower()) for v, p in folders.items() if len(p) > level}
        found = {name for name in names.values() if name}
        if found and len(names) == len(videos) and None not in names.values():
            split = {name: [v for v in videos if names[v] == name] for name in SPLITS}
            return {name: chosen for name, chosen in split.items() if chosen}
        if found:
            stray = next(v for v in videos if names.get(v) is None)
            raise DataError(
                f"{stray.path}: lies in no folder that is named as a split (train, validation, "
                f"test), others do; move it, or split by shares: --shares {_text(SHARES)}"
            )
    _refuse_near(folders)
    return None


def _refuse_near(folders: Mapping[UserVideo, tuple[str, ...]]) -> None:
    for video, parts in folders.items():
        for part in parts:
            word = part.lower()
            near = difflib.get_close_matches(word, NAMES, n=1, cutoff=_NEAR)
            near += [name for name in ("train", "valid", "test") if word.startswith(name)]
            if near:
                raise DataError(
                    f"{video.path}: its folder {part} is nearly named as a split ({near[0]}); "
                    f"name it so, or split by shares: --shares {_text(SHARES)}"
                )


def _text(shares: Sequence[int]) -> str:
    return ",".join(map(str, shares))


def by_shares(
    videos: Sequence[UserVideo], shares: Sequence[int], seed: int, place: Path | None
) -> dict[str, list[UserVideo]]:
    """Shuffle the videos and hand them out, each to one split.

    Raises:
        DataError: there are fewer videos than splits; names `place`.
    """
    wanted = {s: n for s, n in zip(SPLITS, shares, strict=True) if n}
    if len(videos) < len(wanted):
        raise DataError(
            f"{place}: {len(videos)} sources that are long enough cannot make the splits "
            f"{', '.join(wanted)}: a source belongs to one split; add some, lower "
            "data.context_frames and data.predict_frames, give shares, e.g. --shares 0,0,1, or cut "
            "each by time: --split-by time"
        )
    mixed = [videos[i] for i in order.shuffled(seed, "user videos", (), len(videos))]
    splits: dict[str, list[UserVideo]] = {}
    left = len(wanted)
    for split in reversed(wanted):  # the rest is the first one's, which is training if wanted
        left -= 1
        share = round(len(videos) * wanted[split] / sum(wanted.values()))
        part = min(max(1, share), len(mixed) - left) if left else len(mixed)
        splits[split], mixed = sorted(mixed[:part], key=lambda s: s.name), mixed[part:]
    return {split: splits[split] for split in SPLITS if split in splits}


def by_time(numbers: Sequence[int], shares: Sequence[int]) -> dict[str, list[int]]:
    """Cut one video's frame numbers, ascending, into stretches that follow each other.

    >>> by_time(range(10), (3, 1, 1))
    {'train': [0, 1, 2, 3, 4, 5], 'validation': [6, 7], 'test': [8, 9]}
    """
    edges = [0]
    for share in shares:
        edges.append(edges[-1] + share)
    cuts = [round(len(numbers) * edge / edges[-1]) for edge in edges]
    parts = zip(SPLITS, cuts, cuts[1:], strict=False)
    return {split: list(numbers[first:end]) for split, first, end in parts if end > first}
