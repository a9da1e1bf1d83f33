"""A user's arrays, .npy and .npz: their axes, checked before memory is asked for, and their values.

Without `axes` an array is one clip, (T, H, W) or (T, H, W, C), or many, (N, T, H, W, C), with C 1
or 3. Where another order fits too, the array is refused until `axes` says which one it is.
"""

import math
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from tfvp.data.user_videos.config import Axes
from tfvp.errors import DataError
from tfvp.system.threads import ReadOnce

CHANNELS = (1, 3)
LEAST_PX = 4  # a side that is shorter is no picture's
NPZ_BYTES = 2 * 2**30  # an array of an .npz is unpacked into memory, one of an .npy is not
ALL_AXES: tuple[str, ...] = get_args(Axes)
OWN_AXES = ALL_AXES[:3]
_UNREADABLE = (
    *(OSError, EOFError, LookupError, ValueError, zipfile.BadZipFile, zlib.error),
    *(NotImplementedError, RuntimeError, SyntaxError, TypeError, OverflowError, MemoryError),
)  # what zipfile and NumPy raise where bytes were altered


class Values(NamedTuple):
    """How numbers become bytes."""

    low: float | None = None  # becomes 0; None: floats are in [0, 1], bytes stay as they are
    high: float | None = None  # becomes 255
    nan: float | None = None  # stands in for NaN; None: NaN is refused

    def to_bytes(self, values: np.ndarray, what: str) -> np.ndarray:
        """Turn numbers of any shape into uint8; values outside of a given range are clipped.

        Args:
            values: integers or floats.
            what: the file, for messages.

        Raises:
            DataError: there are NaN, or values outside of [0, 1] and no range was given.
        """
        if values.dtype == np.uint8 and self.low is None:
            return values
        if values.dtype.kind != "f" and self.low is None:
            raise DataError(
                f"{what}: expected uint8 or float in [0, 1], got {values.dtype}; say which values "
                "are black and white: --range LOW HIGH (data.value_range), e.g. 0 65535"
            )
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(1, bool)
        if missing.any():
            if self.nan is None:
                raise DataError(
                    f"{what}: {missing.mean():.2%} of its values are NaN; say what stands in for "
                    "them: --nan VALUE (data.nan)"
                )
            values = np.where(missing, self.nan, values)
        if self.low is not None and self.high is not None:
            values = (values.astype(np.float64) - self.low) / (self.high - self.low)
            return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):
            raise DataError(
                f"{what}: expected floats in [0, 1], got [{low:g}, {high:g}]; say which values "
                "are black and white: --range LOW HIGH (data.value_range)"
            )
        return np.rint(values * 255).astype(np.uint8)


AS_THEY_ARE = Values()


class ArrayShape(NamedTuple):
    """An array of a file, as its header describes it."""

    key: str  # in an .npz; "" in an .npy
    shape: tuple[int, ...]
    dtype: np.dtype

    def readings(self) -> list[str]:
        """Every order of axes that fits the shape."""
        return [axes for axes in ALL_AXES if self._fits(axes)]

    def _fits(self, axes: str) -> bool:
        if len(axes) != len(self.shape) or 0 in self.shape:
            return False
        sizes = dict(zip(axes, self.shape, strict=True))
        picture = min(sizes["H"], sizes["W"]) >= LEAST_PX
        return picture and sizes.get("C", 1) in CHANNELS

    def axes(self, wanted: str | None, what: str) -> str:
        """Return the order of the axes.

        Raises:
            DataError: the wanted order does not fit, none fits, or more than one does.
        """
        fitting = self.readings()
        if wanted is not None:
            if not self._fits(wanted):
                raise DataError(f"{what}: {self.shape} is no {wanted}; it fits {_listed(fitting)}")
            return wanted
        if not fitting:
            raise DataError(
                f"{what}: expected (T, H, W), (T, H, W, C), (N, T, H, W) or (N, T, H, W, C) with C "
                f"1 or 3 and pictures of at least {LEAST_PX}x{LEAST_PX}, got {self.shape}"
            )
        if fitting[0] not in OWN_AXES:
            said = "; ".join(f"--axes {axes}: {self.understood(axes)}" for axes in fitting)
            raise DataError(f"{what}: {self.shape} can be read in several ways, say which: {said}")
        return fitting[0]

    def understood(self, axes: str) -> str:
        """Say what the array is with an order of axes: sources × frames × height × width × C."""
        sizes = {"N": 1, "C": 1} | dict(zip(axes, self.shape, strict=True))
        return " × ".join(str(sizes[axis]) for axis in "NTHWC")


def _listed(readings: Iterable[str]) -> str:
    return ", ".join(readings) or "no order of axes"


def shapes_in(path: Path) -> Iterator[ArrayShape]:
    """Yield what the headers of a file say of its arrays; nothing is unpacked.

    Raises:
        DataError: it is no array file, a header is damaged, or claims more than the file holds.
    """
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                yield _header(file, "", path.stat().st_size, str(path))
            return
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda each: each.filename):
                key = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    yield _header(file, key, member.file_size, f"{path}[{key}]")
    except _UNREADABLE as error:
        kind = "an npz" if path.suffix.lower() == ".npz" else "an array"
        raise DataError(f"{path}: cannot be read as {kind} ({_first_line(error)})") from None


def _header(file: object, key: str, size: int, what: str) -> ArrayShape:
    version = np.lib.format.read_magic(file)  # type: ignore[arg-type]
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = readers[version](file)  # type: ignore[arg-type]
    if dtype.hasobject:
        raise DataError(f"{what}: holds Python objects in dtype {dtype}, not numbers")
    if dtype.names:
        raise DataError(f"{what}: holds records of {dtype}, not numbers")
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize > size:
        raise DataError(
            f"{what}: its header claims {shape} of {dtype}, more than the {size:,} bytes of the "
            "file; it is damaged"
        )
    return ArrayShape(key, shape, dtype)


@ReadOnce  # an npz is unpacked once for all of its sequences
def open_array(path: Path, key: str) -> np.ndarray:
    """Open an array whose header was checked; a .npy stays on the disk.

    Raises:
        DataError: it is damaged, or an .npz holds more than NPZ_BYTES.
    """
    try:
        if not key:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(f"{key}.npy").file_size
        if size > NPZ_BYTES:
            raise DataError(
                f"{path}[{key}]: {size:,} bytes unpacked, at most {NPZ_BYTES:,} are; save it with "
                "numpy.save as an .npy, which is read bit by bit"
            )
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[key]
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as an array ({_first_line(error)})") from None


def sequence(array: np.ndarray, axes: str, number: int | None) -> np.ndarray:
    """Take one clip out of an array and bring it to (T, H, W, C), of the array's own type."""
    if number is not None:
        array = array.take(number, axis=axes.index("N")) if axes[0] != "N" else array[number]
        axes = axes.replace("N", "")
    if "C" not in axes:
        array, axes = array[..., None], f"{axes}C"
    return np.asarray(array).transpose([axes.index(axis) for axis in "THWC"])


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def chosen(shapes: list[ArrayShape], wanted: tuple[str, ...], path: Path) -> list[ArrayShape]:
    """Choose arrays of an .npz by their keys, or all that may be clips.

    Raises:
        DataError: a key is not there, or no array is a clip.
    """
    named = {each.key: each for each in shapes}
    absent = [key for key in wanted if key not in named]
    if absent:
        raise DataError(f"{path}: has no array {absent[0]!r}; it has {', '.join(named)}")
    if wanted:
        return [named[key] for key in wanted]
    clips = [each for each in shapes if len(each.shape) >= 3 and each.dtype.kind in "uif"]
    if not clips:
        held = ", ".join(f"{each.key} {each.shape} {each.dtype}" for each in shapes)
        raise DataError(f"{path}: holds no clips, expected arrays of at least 3 axes, got {held}")
    return clips
