"""Files and folders that appear whole or not at all: written aside, synchronised, then renamed."""

import contextlib
import errno
import glob
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename what is written there when all went well.

    The caller makes a file or a folder at the temporary path, which is hidden and ends as `path`
    does, for programs that choose a format by the suffix. On success it is flushed to the disk and
    takes the place of an old file (or of an old folder, if it is one itself). On any exception,
    KeyboardInterrupt included, it is removed and `path` is as it was.

    Args:
        path: the file or folder to write; its parent must exist.

    Raises:
        OSError: writing or renaming failed; a full disk and a folder without write permission are
            reported with the name `path`, not with that of the temporary file.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.new{path.suffix}")
    _remove(temporary)  # of a process that had the same number and was killed
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*.new{glob.escape(path.suffix)}"):
        number = left.name.removeprefix(f".{path.stem}.").partition(".")[0]
        if number.isdecimal() and not _is_running(int(number)):
            _remove(left)  # of another that was killed
    try:
        yield temporary
        _synchronise(temporary)
        if temporary.is_dir() and path.is_dir():  # a folder cannot be renamed over a full one
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        full = error.filename is None and error.errno in _FULL
        if full or str(temporary) in str(error.filename):  # FFmpeg puts "file:" before it
            error.filename = str(path)
        raise
    finally:
        _remove(temporary)


@contextlib.contextmanager
def creating(path: Path) -> Iterator[Path]:
    """Do as `replacing` does for a new file or folder: raise FileExistsError if `path` exists.

    Callers that work for long check beforehand too; this check is made just before the renaming.
    """
    with replacing(path) as temporary:
        yield temporary
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; an old one is replaced. Raises OSError."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all, its line ends unchanged. Raises OSError."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write JSON that every reader accepts, whole or not at all. Raises OSError.

    NumPy numbers and arrays become numbers and lists; a number that is not finite becomes null.
    """
    write_text(path, json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n")


def _plain(content: Any) -> Any:
    """Convert content to the types that JSON knows."""
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, np.ndarray | np.generic):
        return _plain(content.tolist())
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    return str(content) if isinstance(content, Path) else content


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        return True
    return True


def _synchronise(path: Path) -> None:
    """Flush a file, or every file in a folder, to the disk: renaming alone does not."""
    for each in (path, *path.rglob("*")):
        if each.is_file():
            with each.open("rb") as file:
                os.fsync(file.fileno())


def _remove(path: Path) -> None:
    """Remove a temporary file or folder if it is there; a failure hides no earlier one."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()
