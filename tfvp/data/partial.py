"""The hidden folder in which data are written until they are whole, and writing is continued.

Beside `<folder>` lies `.<folder>.partial`. A shard is written there under another name and renamed
when it is whole, with its entry of the manifest beside it. Whatever ends the writing, finished
shards stay, and writing the same data again goes on after them: the folder's name holds the hash of
the settings, and a shard counts only if its bytes have the sum that its entry says.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from tfvp.data.manifest import ShardEntry, sha256_of

ENTRY, UNFINISHED = ".entry.json", ".unfinished"  # ends of names
_NAME = re.compile(r"\..+-[0-9a-f]{12}\.partial")  # of a dataset and the hash of its settings


def partial_of(folder: Path) -> Path:
    """Return the folder in which the data of `folder` are written until they are whole."""
    return folder.with_name(f".{folder.name}.partial")


class Unfinished(NamedTuple):
    """Data whose writing was interrupted, or is going on."""

    place: Path  # the partial folder
    shards: int  # how many are whole
    size_bytes: int  # of all its files
    going_on: bool  # another process is writing it now

    def __str__(self) -> str:
        if self.going_on:
            return f"{self.place}: being written now, {self.shards} shards so far"
        return (
            f"{self.place}: unfinished, {self.shards} whole shards, {self.size_bytes / 1e6:,.0f} "
            "MB; the command that began it goes on there; if nobody wants that, remove it"
        )


def unfinished_in(home: Path) -> list[Unfinished]:
    """List the partial folders in a folder of prepared data; only the user knows who needs them."""
    found = []
    for place in sorted(home.glob(".*.partial")):
        if not _NAME.fullmatch(place.name) or not place.is_dir():
            continue
        held = os.open(place, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            going_on = False
        except BlockingIOError:
            going_on = True
        finally:
            os.close(held)
        size = sum(path.stat().st_size for path in place.iterdir())
        found.append(Unfinished(place, len(list(place.glob(f"*{ENTRY}"))), size, going_on))
    return found


@contextmanager
def partial_folder(folder: Path, report: Callable[[str], None]) -> Iterator[Path | None]:
    """Yield the partial folder, made if need be; None where another process has written the data.

    One process writes at a time, and others wait for it. Unfinished files are removed at the start
    and at the end, and so is the whole folder when nothing in it is finished.

    Args:
        folder: where the data will be; its parents are made.
        report: takes lines for the console.

    Raises:
        OSError: the folder cannot be made.
    """
    with _locked(folder, report) as partial:
        if partial is None:
            yield None
            return
        _remove_unfinished(partial)
        try:
            yield partial
        finally:
            if partial.exists():  # else it is whole and has its name
                _remove_unfinished(partial)
                kept = len(list(partial.glob(f"*{ENTRY}")))
                if kept:
                    report(
                        f"finished shards are kept: {kept} in {partial}; the same command goes on"
                    )
                else:
                    shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _locked(folder: Path, report: Callable[[str], None]) -> Iterator[Path | None]:
    """Lock the partial folder for this process alone; the lock ends with the process."""
    partial = partial_of(folder)
    while not folder.exists():
        partial.mkdir(parents=True, exist_ok=True)
        held = os.open(partial, os.O_RDONLY)
        try:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report(f"waiting for another process, which is writing {folder}")
                fcntl.flock(held, fcntl.LOCK_EX)
            if not _is_still(partial, held):
                continue
            if folder.exists():  # written between the two looks
                partial.rmdir()
                break
            yield partial
            return
        finally:
            os.close(held)
    yield None


def _is_still(path: Path, held: int) -> bool:
    """Whether the open folder is the one at `path`: the other process may have renamed it."""
    try:
        return os.path.samestat(os.fstat(held), path.stat())
    except FileNotFoundError:
        return False


def _remove_unfinished(partial: Path) -> None:
    for path in partial.glob(f"*{UNFINISHED}"):
        path.unlink()


def finished(partial: Path, name: str) -> ShardEntry | None:
    """Return the entry of a shard that was finished before; None where it is absent or damaged."""
    try:
        entry = ShardEntry.model_validate_json((partial / f"{name}{ENTRY}").read_bytes())
        whole = entry.name == name and sha256_of(partial / name) == entry.sha256
    except (OSError, ValidationError):
        return None
    return entry if whole else None


def finish(partial: Path, unfinished: Path, entry: ShardEntry) -> None:
    """Give a whole shard its name and write its entry; raises OSError when the disk fails."""
    unfinished.replace(partial / entry.name)
    noted = partial / f"{entry.name}{ENTRY}{UNFINISHED}"
    noted.write_text(entry.model_dump_json(), encoding="utf-8")
    noted.replace(partial / f"{entry.name}{ENTRY}")


def remove_entries(folder: Path) -> None:
    """Remove the entries, which only continuing needs, from data that are whole."""
    for path in folder.glob(f"*{ENTRY}"):
        path.unlink()
