"""A user's images: folders of frames in the order of their names, stacks in a TIFF, and GIFs."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, ImageSequence

from tfvp.data.user_videos.arrays import Values
from tfvp.errors import DataError
from tfvp.system.video import check_frame_size

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
STACKS = (".tif", ".tiff")
_TOP = 65535  # the largest value of 16 bits
# check_frame_size refuses large ones, in a line of ours.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, MemoryError),
    *(OverflowError, RuntimeError, AttributeError, Image.DecompressionBombError),
)  # what Pillow raises where bytes were altered or the file ends early


class Picture(Exception):
    """One picture of a file cannot be read; the message says why."""


def in_order(paths: Sequence[Path]) -> list[Path]:
    """Sort images as people count: frame2 before frame10."""
    return sorted(paths, key=_as_people_count)


def _as_people_count(path: Path) -> list[tuple[int, str]]:
    return [(int(p), "") if _is_number(p) else (-1, p) for p in re.findall(r"\d+|\D+", path.name)]


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit()


def numbers_of(paths: Sequence[Path]) -> list[int]:
    """Number the images of a folder, with gaps where their names have some.

    The names' numbers count where one of them alone changes from name to name, in whole multiples
    of its usual step (frame000, frame010, frame030: 0, 1, 3); otherwise the images follow each
    other.

    >>> numbers_of([Path("a1.png"), Path("a2.png"), Path("a4.png")])
    [0, 1, 3]
    """
    following = list(range(len(paths)))
    parts = [re.findall(r"\d+|\D+", path.stem) for path in paths]
    if len(paths) < 3 or len({len(each) for each in parts}) != 1:
        return following
    changing = [place for place, each in enumerate(zip(*parts, strict=True)) if len({*each}) > 1]
    if len(changing) != 1 or not all(_is_number(each[changing[0]]) for each in parts):
        return following
    found = [int(each[changing[0]]) for each in parts]
    steps = [b - a for a, b in pairwise(found)]
    usual = Counter(steps).most_common(1)[0][0]
    if usual < 1 or any(step % usual or step < 1 for step in steps):
        return following
    return [(number - found[0]) // usual for number in found]


def count_pages(path: Path) -> int:
    """Count the pages of a TIFF; one that cannot be read has 1, and reading it says why."""
    try:
        with Image.open(path) as picture:
            return getattr(picture, "n_frames", 1)
    except _UNREADABLE:
        return 1


def read_pages(path: Path, values: Values, notes: dict[str, None]) -> Iterator[np.ndarray]:
    """Yield the pictures of a file, uint8 (H, W, 1 or 3).

    Args:
        path: an image, or a TIFF with several.
        values: how numbers of more than 8 bits become bytes.
        notes: takes what gets lost.

    Raises:
        Picture: a picture is damaged.
        DataError: it is too large, or its values are not in a range that is known.
    """
    try:
        with Image.open(path) as picture:
            check_frame_size(path, picture.height, picture.width)
            for number in range(getattr(picture, "n_frames", 1)):
                picture.seek(number)
                check_frame_size(path, picture.height, picture.width)
                yield _frame(picture, number, path, values, notes)
    except _UNREADABLE as error:
        raise Picture(str(error).splitlines()[0] if str(error) else type(error).__name__) from None


def _frame(
    picture: Image.Image, number: int, path: Path, values: Values, notes: dict[str, None]
) -> np.ndarray:
    raw = str([tile[3] for tile in getattr(picture, "tile", [])])
    if picture.mode.startswith(("I", "F")):
        deep = np.asarray(picture)
    elif ";16" in raw and number == 0:  # colours of 16 bits, which Pillow cuts to 8
        picture.load()  # raises where the file is damaged, which OpenCV does not
        how = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH
        deep = np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), how))
    else:
        if "A" in picture.getbands() or "transparency" in picture.info:
            notes["transparency (alpha) is left out"] = None
        turned = ImageOps.exif_transpose(picture)
        return values.to_bytes(np.asarray(turned.convert("RGB")), str(path))
    if values.low is None and deep.dtype.kind != "f" and deep.max() <= _TOP:
        notes[
            f"16 bits are scaled from [0, {_TOP}] to 8; --range LOW HIGH (data.value_range) keeps "
            "more of a narrower range"
        ] = None
        values = Values(0.0, _TOP)
    return values.to_bytes(deep if deep.ndim == 3 else deep[..., None], str(path))


def gif_durations(path: Path) -> list[int]:
    """Return how long each frame of a GIF is shown, in milliseconds.

    Raises:
        DataError: it cannot be read, or its frames are too large.
    """
    try:
        with Image.open(path) as picture:
            check_frame_size(path, picture.height, picture.width)
            return [each.info.get("duration", 0) for each in ImageSequence.Iterator(picture)]
    except _UNREADABLE as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a GIF ({said}); take it away") from None


def read_gif(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames of a GIF, uint8 (H, W, 3); raises Picture where one is damaged."""
    try:
        with Image.open(path) as picture:
            for each in ImageSequence.Iterator(picture):
                yield np.asarray(each.convert("RGB"))
    except _UNREADABLE as error:
        raise Picture(str(error) or type(error).__name__) from None
