"""The manifest of a prepared folder: settings, facts, and every shard's size and checksum."""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tfvp.data.records import RecordReader, Shard
from tfvp.errors import DataError

NAME = "manifest.json"
SCHEMA_VERSION = 1  # of the records and of the manifest


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShardEntry(_Entry):
    """One file of records."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")  # a file of this folder, no path
    size_bytes: int
    sha256: str  # hexadecimal
    offsets: tuple[int, ...]  # first byte of each record

    @model_validator(mode="after")
    def _ascending(self) -> "ShardEntry":
        edges = (*self.offsets, self.size_bytes)
        if any(a >= b for a, b in itertools.pairwise(edges)):
            raise ValueError(f"the offsets of {self.name} do not ascend")
        return self


class SplitEntry(_Entry):
    """One split and the files in which its clips lie."""

    count: int  # of clips
    shape: tuple[int, int, int, int]  # (T, H, W, C) of every clip
    shards: tuple[ShardEntry, ...]  # in the clips' order

    @model_validator(mode="after")
    def _complete(self) -> "SplitEntry":
        records = sum(len(shard.offsets) for shard in self.shards)
        if records != self.count:
            raise ValueError(f"{records} records in the shards, {self.count} announced")
        return self


class Manifest(_Entry):
    """The whole of manifest.json."""

    schema_version: Literal[1] = SCHEMA_VERSION
    dataset: str  # the dataset's name
    hash: str  # of the settings, see `settings_hash`
    settings: dict[str, Any]  # decide the bytes
    facts: dict[str, Any]  # for tables: title, label, counts, terms, citation and others
    splits: dict[str, SplitEntry]  # by name, in the order of training, validation, test

    def reader(self, folder: Path, split: str) -> RecordReader:
        """Open a split; raises DataError when there is none, or a shard is missing or cut short."""
        if split not in self.splits:
            raise DataError(f"{folder}: no split {split!r}, it has {', '.join(self.splits)}")
        entry = self.splits[split]
        shards = [Shard(folder / s.name, s.size_bytes, s.offsets) for s in entry.shards]
        return RecordReader(split, entry.shape, shards)


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that change with every setting and with the schema."""
    text = json.dumps(
        {"schema_version": SCHEMA_VERSION, **settings}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dump(manifest: Manifest) -> str:
    """Write a manifest as JSON, one key a line, rows of numbers on one line."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    return re.sub(r"\[[\d,\s]+\]", lambda row: re.sub(r"\s+", " ", row[0]), text) + "\n"


def load(folder: Path) -> Manifest:
    """Read and check the manifest of a prepared folder.

    Raises:
        DataError: there is no manifest, it cannot be read, or it contradicts itself.
    """
    path = folder / NAME
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}; {folder} was not prepared by tfvp or is incomplete, and is "
            "left as it is: move it away, or set data.prepared to another folder"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{path}: {where}: {first['msg']}; remove {folder} and prepare the data again"
        ) from error
    if settings_hash(manifest.settings) != manifest.hash:
        raise DataError(
            f"{path}: its settings were altered (their hash is {settings_hash(manifest.settings)}, "
            f"not {manifest.hash}); remove {folder} and prepare the data again"
        )
    return manifest
