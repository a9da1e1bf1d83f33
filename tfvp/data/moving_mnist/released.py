"""Reads Moving MNIST as others released it: Toronto's test file, and the E3D-LSTM program's npz.

- `.npy`: uint8 (T, N, H, W), as mnist_test_seq.npy (20, 10000, 64, 64); it stays on the disk and
  only the clips that are asked for are read.
- `.npz`: `clips` int (2, N, 2), in which clips[0, i] is (start, length) of the i-th input among the
  frames and clips[1, i] that of its output; `dims` (1, 3) = C, H, W; `input_raw_data` float
  (frames, 1, H, W) in [0, 1], held in memory. A clip is input and output, rounded to bytes.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfvp.data.manifest import sha256_of
from tfvp.data.raw_folder import NoRawData
from tfvp.errors import DataError

NPZ_ARRAYS = ("clips", "dims", "input_raw_data")


@dataclass(frozen=True)
class ReleasedClips:
    """The first `count` clips of a released file, cut to their first frames."""

    path: Path
    sha256: str
    frames: np.ndarray  # .npy: uint8 (T, N, H, W); .npz: float (frames, H, W)
    spans: np.ndarray | None  # of an npz: int (2, N, 2), see above
    shape: tuple[int, int, int, int]
    count: int

    def __getitem__(self, index: int) -> np.ndarray:
        """Return clip `index`, uint8 (T, H, W, 1); raises IndexError when there is none."""
        if not 0 <= index < self.count:
            raise IndexError(f"{self.path}: clip {index} of {self.count}")
        if self.spans is None:
            clip = np.array(self.frames[: self.shape[0], index])
        else:
            parts = [self.frames[first : first + n] for first, n in self.spans[:, index]]
            clip = np.rint(np.concatenate(parts)[: self.shape[0]] * 255).astype(np.uint8)
        return clip[..., None]

    def source(self, index: int) -> str:
        """Name clip `index`, e.g. "mnist_test_seq.npy 5"."""
        return f"{self.path.name} {index}"


def read_released(path: Path, shape: tuple[int, int, int, int], count: int) -> ReleasedClips:
    """Open a released file.

    Args:
        path: a .npy or .npz.
        shape: (T, H, W, 1) that clips must have; those of the file may be longer.
        count: how many clips are wanted, from the file's first on.

    Raises:
        NoRawData: there is no such file.
        DataError: the file has another layout, frames of another size, or fewer clips or frames.
    """
    if not path.is_file():
        raise NoRawData(
            f"{path}: no such file; put it there, or name another one in the configuration"
        )
    try:
        frames, spans = _npz(path) if path.suffix == ".npz" else (_npy(path), None)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: expected a released .npy or .npz, got {error}") from error
    if spans is None:
        found = (frames.shape[0], *frames.shape[2:], 1)
        available = frames.shape[1]
    else:
        found = (int(spans[:, :, 1].sum(axis=0).min()), *frames.shape[1:], 1)
        available = spans.shape[1]
    if found[0] < shape[0] or found[1:] != shape[1:]:
        raise DataError(
            f"{path}: expected clips of at least {shape[0]} frames of {shape[1]}x{shape[2]}, got "
            f"{found[0]} of {found[1]}x{found[2]}; change data.frame_px, data.context_frames or "
            "data.predict_frames"
        )
    if count > available:
        raise DataError(
            f"{path}: {count} sequences are wanted and it has {available}; ask for less"
        )
    return ReleasedClips(path, sha256_of(path), frames, spans, shape, count)


def _npy(path: Path) -> np.ndarray:
    frames = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(frames, np.ndarray) or frames.ndim != 4 or frames.dtype != np.uint8:
        got = f"{frames.dtype} {frames.shape}" if isinstance(frames, np.ndarray) else "an npz"
        raise ValueError(f"{got} instead of uint8 (T, N, H, W)")
    return frames


def _npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        spans, dims, raw = (arrays[name] for name in NPZ_ARRAYS)
    if raw.ndim != 4 or raw.shape[1:] != tuple(np.ravel(dims)[:3]) or raw.shape[1] != 1:
        raise ValueError(f"input_raw_data {raw.shape} instead of (frames, *dims) with dims {dims}")
    if spans.ndim != 3 or spans.shape[::2] != (2, 2) or spans.dtype.kind not in "iu":
        raise ValueError(f"clips {spans.dtype} {spans.shape} instead of integers (2, N, 2)")
    if spans.min(initial=0) < 0 or spans.sum(axis=2).max(initial=0) > len(raw):
        raise ValueError(f"clips that reach beyond its {len(raw)} frames")
    low, high = float(raw.min(initial=0)), float(raw.max(initial=0))
    if not (low >= 0 and high <= 1):
        raise ValueError(f"input_raw_data in [{low:g}, {high:g}] instead of [0, 1]")
    return raw[:, 0], spans
