"""Writes shards, on all cores; a prepared folder appears under its name when it is whole."""

import math
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from tfvp.data import manifest as manifests
from tfvp.data import partial
from tfvp.data.base import DatasetContents, Report
from tfvp.data.manifest import Manifest, ShardEntry, SplitEntry, sha256_of
from tfvp.data.records import ClipSource, Record, encode, framed
from tfvp.errors import DataError
from tfvp.system.progress import Progress, progress
from tfvp.system.threads import StoppedError, run_all, usable_cores

SHARD_BYTES = 64 * 2**20  # about; verifying holds one shard in memory
RECORD_OVERHEAD_BYTES = 256  # more than framing, names, shape, sums and the source take


class Job(NamedTuple):
    """One shard to be written: clips `first` … `stop` - 1 of a split."""

    split: str
    name: str
    clips: ClipSource
    first: int
    stop: int


def write_folder(
    folder: Path, dataset: str, contents: DatasetContents, report: Report, console: Console
) -> None:
    """Write every split's clips as shards with a manifest, in a folder that appears when whole.

    Until then it is a hidden folder beside it (`tfvp.data.partial`), in which finished shards stay
    when writing fails or is interrupted; writing the same data again continues after them.

    Args:
        folder: where the data will be; it must not exist, and its parents are made.
        dataset: the dataset's name.
        contents: what is written.
        report: takes lines for the console.
        console: where progress is shown.

    Raises:
        DataError: the disk has too little space, the folder cannot be made, or writing fails.
    """
    _check_disk(folder, contents.splits)
    try:
        with partial.partial_folder(folder, report) as place:
            if place is None:  # another process was faster with the same settings
                return
            entries = _finished_shards(place, contents.splits, report)
            manifest = Manifest(
                dataset=dataset,
                hash=manifests.settings_hash(contents.settings),
                settings=contents.settings,
                facts=contents.facts,
                splits=_write_splits(place, contents.splits, entries, console),
            )
            unfinished = place / f"{manifests.NAME}{partial.UNFINISHED}"
            unfinished.write_text(manifests.dump(manifest), encoding="utf-8")
            unfinished.replace(place / manifests.NAME)
            place.rename(folder)
            partial.remove_entries(folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error}); see data.prepared") from error


def _check_disk(folder: Path, splits: Mapping[str, ClipSource]) -> None:
    per_split = ((clips.count or 0, math.prod(clips.shape)) for clips in splits.values())
    needed = sum(count * (size + RECORD_OVERHEAD_BYTES) for count, size in per_split)
    before = partial.partial_of(folder).glob("*.tfrecord")
    needed -= sum(path.stat().st_size for path in before)
    place = next(parent for parent in folder.absolute().parents if parent.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise DataError(
            f"{folder}: preparing it needs {needed:,} bytes and {place} has {free:,} bytes free; "
            "free some, set data.prepared to a larger disk, or ask for fewer sequences"
        )


def _jobs(splits: Mapping[str, ClipSource]) -> Iterator[Job]:
    for split, clips in splits.items():
        count = clips.count or 0
        per_shard = max(1, SHARD_BYTES // (math.prod(clips.shape) + RECORD_OVERHEAD_BYTES))
        total = -(-count // per_shard)
        for number in range(total):
            name = f"{split}-{number:05d}-of-{total:05d}.tfrecord"
            first = number * per_shard
            yield Job(split, name, clips, first, min(first + per_shard, count))


def _finished_shards(
    place: Path, splits: Mapping[str, ClipSource], report: Report
) -> dict[str, ShardEntry]:
    """Return the shards that an interrupted writing left whole, by name."""
    jobs = list(_jobs(splits))
    entries = ((job, partial.finished(place, job.name)) for job in jobs)
    found = {
        job.name: entry
        for job, entry in entries
        if entry and len(entry.offsets) == job.stop - job.first
    }
    if found:
        report(f"continuing: {len(found)} of {len(jobs)} shards were written before")
    return found


def _write_splits(
    place: Path,
    splits: Mapping[str, ClipSource],
    before: Mapping[str, ShardEntry],
    console: Console,
) -> dict[str, SplitEntry]:
    """Write the shards that were not written before, each in one thread, a thread for each core."""
    total = sum(clips.count or 0 for clips in splits.values())
    done = sum(len(entry.offsets) for entry in before.values())
    jobs = [job for job in _jobs(splits) if job.name not in before]
    with progress(console, "writing clips", total, done) as shown:
        written = run_all(
            lambda job, stopping: _write_shard(place, job, stopping, shown), jobs, usable_cores()
        )
    entries = {**before, **{entry.name: entry for entry in written}}
    shards = {
        split: [entries[j.name] for j in _jobs(splits) if j.split == split] for split in splits
    }
    return {
        split: SplitEntry(count=clips.count or 0, shape=clips.shape, shards=tuple(shards[split]))
        for split, clips in splits.items()
    }


def _write_shard(place: Path, job: Job, stopping: threading.Event, shown: Progress) -> ShardEntry:
    """Write one shard and read it back for its checksum; raises OSError when the disk fails."""
    path, offsets, size = place / f"{job.name}{partial.UNFINISHED}", [], 0
    with path.open("wb") as file:
        for index in range(job.first, job.stop):
            if stopping.is_set():
                raise StoppedError
            record = Record(job.clips[index], job.clips.source(index), index)
            offsets.append(size)
            size += file.write(framed(encode(record)))
            shown.advance()
    if path.stat().st_size != size:
        raise OSError(f"{job.name}: the disk took {path.stat().st_size} of {size} bytes")
    entry = ShardEntry(
        name=job.name, size_bytes=size, sha256=sha256_of(path), offsets=tuple(offsets)
    )
    partial.finish(place, path, entry)
    return entry
