"""The TFRecord schema of all datasets, and writing and reading records without TensorFlow.

A record is a TFRecord frame (length, its crc32c, payload, its crc32c) around a `tf.train.Example`:

| feature | type | meaning |
|---|---|---|
| frames | 1 bytes | uint8 frames of the clip, (T, H, W, C) in C order |
| shape | 4 int64 | T, H, W, C |
| source | 1 bytes | UTF-8: what the clip was made from |
| index | 1 int64 | number of the clip in its split |
| crc32 | 1 int64 | zlib.crc32 of `frames`, so that every read is checked without TensorFlow |
"""

import bisect
import itertools
import math
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import google_crc32c
import numpy as np

from tfvp.data.example import example_of, features_of, integers
from tfvp.errors import DataError

# A TFRecord is a header (uint64 length and its uint32 crc), the payload, and its uint32 crc.
HEADER_BYTES, FOOTER_BYTES = 12, 4


class ClipSource(Protocol):
    """Clips by their number: prepared records, windows of raw videos, or a generator."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, C) of every clip."""
        ...

    @property
    def count(self) -> int | None:
        """How many clips there are; None: there is no end to them."""
        ...

    def __getitem__(self, index: int) -> np.ndarray:
        """Return clip `index` (from 0), uint8 (T, H, W, C) in [0, 255]."""
        ...

    def source(self, index: int) -> str:
        """Say what clip `index` was made from, in a few words, e.g. a file's name and frames."""
        ...


@dataclass(frozen=True)
class FirstFrames:
    """The first frames of another source's clips, a `ClipSource`."""

    clips: ClipSource
    frames: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(frames, H, W, C) of every clip."""
        return (self.frames, *self.clips.shape[1:])

    @property
    def count(self) -> int | None:
        """How many clips there are; None: there is no end to them."""
        return self.clips.count

    def __getitem__(self, index: int) -> np.ndarray:
        """Return the first frames of clip `index`, uint8 (frames, H, W, C)."""
        return self.clips[index][: self.frames]

    def source(self, index: int) -> str:
        """Say what the whole clip `index` was made from."""
        return self.clips.source(index)


@dataclass(frozen=True)
class Record:
    """One clip as it lies on disk: frames uint8 (T, H, W, C), read-only after decoding."""

    frames: np.ndarray
    source: str
    index: int


class Shard(NamedTuple):
    """One file of records."""

    path: Path
    size_bytes: int
    offsets: tuple[int, ...]  # first byte of each record, ascending

    def span(self, number: int) -> tuple[int, int]:
        """Return the first byte of record `number` and the first byte after it."""
        ends = self.offsets[number + 1 : number + 2] or (self.size_bytes,)
        return self.offsets[number], ends[0]


def encode(record: Record) -> bytes:
    """Serialize a clip as a `tf.train.Example`; the same clip always gives the same bytes."""
    frames = np.ascontiguousarray(record.frames, np.uint8).tobytes()
    return example_of(
        {
            "frames": frames,
            "shape": record.frames.shape,
            "source": record.source.encode(),
            "index": (record.index,),
            "crc32": (zlib.crc32(frames),),
        }
    )


def framed(payload: bytes) -> bytes:
    """Frame a payload as a TFRecord: length, its checksum, the payload, its checksum."""
    length = struct.pack("<Q", len(payload))
    return b"".join([length, _masked_crc32c(length), payload, _masked_crc32c(payload)])


def _masked_crc32c(data: bytes) -> bytes:
    """The checksum as TFRecords have it, turned so that data with checksums inside are no case."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def decode(payload: bytes) -> Record:
    """Read what `encode` wrote; raises ValueError, in a few words, where it is damaged."""
    try:
        features = dict(features_of(payload))
        start, stop = features["frames"][0]
        shape = integers(payload, features["shape"])
        (index,) = integers(payload, features["index"])
        (crc32,) = integers(payload, features["crc32"])
        source = payload[slice(*features["source"][0])].decode()
    except (IndexError, KeyError, ValueError) as error:
        raise ValueError(f"not a record of ours ({error!r})") from error
    if len(shape) != 4 or math.prod(shape) != stop - start:
        raise ValueError(f"{stop - start} bytes of frames do not fill shape {tuple(shape)}")
    if zlib.crc32(memoryview(payload)[start:stop]) != crc32:
        raise ValueError("the checksum of its frames does not agree")
    return Record(
        np.frombuffer(payload, np.uint8, stop - start, start).reshape(shape), source, index
    )


class RecordReader:
    """The clips of one prepared split by number: `reader[i]` is uint8 (T, H, W, C), read-only.

    Every read checks the record's place, number, shape and frames. It holds no file open, so
    threads may share it.
    """

    def __init__(self, split: str, shape: tuple[int, int, int, int], shards: Sequence[Shard]):
        self.split = split
        self._shape = shape
        self.shards = tuple(shards)
        self._ends = list(itertools.accumulate(len(shard.offsets) for shard in self.shards))
        for shard in self.shards:
            self._check_size(shard)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, C) of every clip."""
        return self._shape

    @property
    def count(self) -> int:
        """How many clips there are."""
        return self._ends[-1] if self._ends else 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        """Return clip `index`, uint8 (T, H, W, C); raises DataError naming shard and record."""
        return self.record(index).frames

    def source(self, index: int) -> str:
        """Say what clip `index` was made from; raises DataError as reading it does."""
        return self.record(index).source

    def record(self, index: int) -> Record:
        """Return record `index`.

        Raises:
            IndexError: there is no such record.
            DataError: the shard is missing or cut short, or the record is damaged.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"{self.split}: clip {index} of {self.count}")
        number = bisect.bisect_right(self._ends, index)
        shard = self.shards[number]
        place = index - self._ends[number] + len(shard.offsets)
        try:
            record = decode(_payload(shard, place))
            if (record.index, record.frames.shape) != (index, self._shape):
                raise ValueError(f"it says clip {record.index}, shape {record.frames.shape}")
        except (ValueError, OSError) as error:
            raise DataError(
                f"{shard.path}: record {place} (clip {index} of {self.split}) is damaged: {error}; "
                f"remove {shard.path.parent} and prepare the data again"
            ) from error
        return record

    @staticmethod
    def _check_size(shard: Shard) -> None:
        again = f"remove {shard.path.parent} and prepare the data again"
        try:
            size = shard.path.stat().st_size
        except OSError as error:
            raise DataError(
                f"{shard.path}: shard is missing ({error.strerror}); {again}"
            ) from error
        if size != shard.size_bytes:
            raise DataError(
                f"{shard.path}: expected {shard.size_bytes} bytes, got {size}: the shard is cut "
                f"short or altered; {again}"
            )


def _payload(shard: Shard, place: int) -> bytes:
    """Read one record's Example; raises ValueError when its frame does not fit its place."""
    start, stop = shard.span(place)
    with open(shard.path, "rb", buffering=0) as file:
        data = os.pread(file.fileno(), stop - start, start)
    expected = stop - start - HEADER_BYTES - FOOTER_BYTES
    if len(data) != stop - start or struct.unpack_from("<Q", data)[0] != expected:
        raise ValueError(f"expected {expected} bytes at {start}, its header says otherwise")
    return data[HEADER_BYTES : HEADER_BYTES + expected]
