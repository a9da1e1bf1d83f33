"""Finds KTH's files as they are downloaded: videos in folders or zips, and the boundaries."""

import hashlib
import os
import re
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from tfvp.data.kth.frames import FrameCount, count_frames
from tfvp.errors import DataError
from tfvp.system.progress import progress
from tfvp.system.threads import run_all, usable_cores

BOUNDARIES = "00sequences.txt"
ACTIONS = ("boxing", "handclapping", "handwaving", "walking", "jogging", "running")
PERSONS = range(1, 26)
# 25 persons, 6 actions, 4 scenarios; one was never published.
ALL_VIDEOS = frozenset(
    f"person{person:02}_{action}_d{scenario}"
    for person in PERSONS
    for action in ACTIONS
    for scenario in range(1, 5)
) - {"person13_handclapping_d3"}

MAX_VIDEO_BYTES = 2**28  # the largest official video has a tenth; stops a forged zip
_NAME = re.compile(r"(person(\d\d)_([a-z]+)_d(\d))(_uncomp)?\.avi", re.IGNORECASE)
_LINE = re.compile(r"(person\d\d_[a-z]+_d\d)\s+(?:frames\s+([\d\s,-]+)|\*missing\*)\s*")
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


class Video(NamedTuple):
    """One official video and where it lies."""

    name: str  # e.g. person01_boxing_d1
    path: Path  # the file, or the zip that holds it
    member: str | None  # its name in the zip; None: it is a file of its own
    sha256: str  # of the file's content, hexadecimal

    @property
    def person(self) -> int:
        """The person's number, 1 to 25."""
        return int(self.name[6:8])

    @property
    def action(self) -> str:
        """The action, one of ACTIONS."""
        return self.name.split("_")[1]

    @property
    def scenario(self) -> int:
        """The scenario: 1 outdoors, 2 with zoom, 3 in other clothes, 4 indoors."""
        return int(self.name[-1])


@dataclass
class Found:
    """The videos and boundaries that were found in a folder, and what is wrong with others."""

    videos: dict[str, Video] = field(default_factory=dict)  # by name
    boundaries: dict[str, tuple[range, ...]] | None = None  # frame numbers, from 1
    problems: list[str] = field(default_factory=list)  # a line for each file that cannot be used

    def add(self, where: str, name: str, video: Path, member: str | None, content: bytes) -> None:
        """Add a video if its file has the name of one; otherwise note the problem."""
        parts = _NAME.fullmatch(name)
        known = parts[1].lower() if parts else ""
        if known not in ALL_VIDEOS:
            self.problems.append(f"{where}: not the name of a KTH video")
            return
        digest = hashlib.sha256(content).hexdigest()
        other = self.videos.setdefault(known, Video(known, video, member, digest))
        if other.sha256 != digest:
            self.problems.append(f"{where}: differs from {other.member or other.path.name}")


def find(folder: Path) -> Found:
    """Search a folder at any depth for AVI files, zips of them, and 00sequences.txt.

    Raises:
        DataError: 00sequences.txt cannot be read.
    """
    found = Found()
    for path in sorted(_files(folder), key=lambda path: (path.suffix.lower() == ".zip", path)):
        if path.suffix.lower() == ".avi":
            content = _content(path, found)
            if content is not None:
                found.add(str(path), path.name, path, None, content)
        elif path.suffix.lower() == ".zip":
            _look_into(path, found)
        elif path.name == BOUNDARIES:
            found.boundaries = read_boundaries(path)
    return found


@contextmanager
def as_file(video: Video) -> Iterator[Path]:
    """Yield the path of a video; one in a zip is unpacked to a temporary file."""
    if video.member is None:
        yield video.path
        return
    with zipfile.ZipFile(video.path) as archive, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.avi"
        path.write_bytes(archive.read(video.member))
        yield path


def frame_counts(videos: Sequence[Video], console: Console) -> list[FrameCount]:
    """Decode every video, on all cores, and count its frames; raises OSError."""
    with progress(console, "decoding videos", len(videos)) as shown:

        def count(video: Video, stopping: threading.Event) -> FrameCount:
            del stopping  # a video takes a fraction of a second
            with as_file(video) as path:
                counted = count_frames(path)
            shown.advance()
            return counted

        return run_all(count, videos, usable_cores())


def read_boundaries(path: Path) -> dict[str, tuple[range, ...]]:
    """Read the frame numbers (from 1) of each video's sequences, as the official file lists them.

    Raises:
        DataError: the file cannot be read, or a line about a person cannot be understood.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    boundaries = {}
    for number, line in enumerate(lines, 1):
        if not line.startswith("person"):
            continue
        name, stretches = _stretches(line)
        if stretches is None:
            raise DataError(
                f"{path}:{number}: expected e.g. 'person01_boxing_d1  frames  1-95, 96-185', got "
                f"{line.strip()!r:.80}"
            )
        if stretches:
            boundaries[name] = stretches
    return boundaries


def _stretches(line: str) -> tuple[str, tuple[range, ...] | None]:
    """Return a line's video and frame numbers, () if it was never published, None if unreadable."""
    parts = _LINE.fullmatch(line.rstrip())
    if parts is None or parts[2] is None:
        return (parts[1], ()) if parts else ("", None)
    pairs = [_RANGE.fullmatch(text.strip()) for text in parts[2].rstrip(" ,").split(",")]
    stretches = tuple(range(int(pair[1]), int(pair[2]) + 1) for pair in pairs if pair)
    whole = len(stretches) == len(pairs) and all(s and s.start for s in stretches)
    return parts[1], stretches if whole else None


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder; links to folders are not followed."""
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names)


def _content(path: Path, found: Found) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        found.problems.append(f"{path}: cannot be read ({error.strerror})")
        return None


def _look_into(path: Path, found: Found) -> None:
    """Add the videos of a zip; nothing is unpacked, so a member's path can do no harm."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.filename.lower().endswith(".avi"):
                    continue
                where = f"{path}: {info.filename}"
                if info.file_size > MAX_VIDEO_BYTES:
                    found.problems.append(f"{where}: {info.file_size:,} bytes are no KTH video")
                    continue
                content = _member(archive, info, where, found)
                if content is not None:
                    name = info.filename.replace("\\", "/").rpartition("/")[2]
                    found.add(where, name, path, info.filename, content)
    except (OSError, zipfile.BadZipFile) as error:
        found.problems.append(f"{path}: not a whole zip file ({error})")


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, found: Found
) -> bytes | None:
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        found.problems.append(f"{where}: cannot be unpacked ({error})")
        return None
