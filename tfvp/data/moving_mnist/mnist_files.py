"""Reads and checks files of MNIST and its kin, idx (plain or gzip) and npz, and downloads MNIST."""

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfvp.errors import DataError, first_line

CONNECT_SECONDS = 10
IDX_UINT8 = 0x00000800  # two zero bytes, type 08 (unsigned byte), then the rank
MAX_IDX_BYTES = 2**30  # larger than EMNIST; keeps a forged header from filling the memory


class Download(NamedTuple):
    """A file on the network, which is used only when its checksum agrees."""

    url: str
    size_bytes: int
    sha256: str


# The file that keras.datasets.mnist loads.
MNIST_NPZ = Download(
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    11_490_434,
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)


class MnistImages(NamedTuple):
    """The images of MNIST's two files."""

    train: np.ndarray  # uint8 (60000, 28, 28)
    test: np.ndarray  # uint8 (10000, 28, 28)


def read_idx_images(path: Path) -> np.ndarray:
    """Read an idx file of images, plain or gzip: uint8 (N, H, W).

    Raises:
        DataError: the file is no idx file of unsigned bytes with three axes, or shorter or longer
            than its header says.
    """
    return _read_idx(path, 3, "images")


def read_idx_labels(path: Path) -> np.ndarray:
    """Read an idx file of labels, plain or gzip: uint8 (N,); raises DataError as for images."""
    return _read_idx(path, 1, "labels")


def _read_idx(path: Path, rank: int, what: str) -> np.ndarray:
    expected, header_bytes = IDX_UINT8 + rank, 4 + 4 * rank
    try:
        with open(path, "rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else open(path, "rb") as file:
            header = file.read(header_bytes)
            if len(header) < header_bytes:
                raise DataError(
                    f"{path}: expected an idx header of {header_bytes} bytes, got {len(header)}"
                )
            magic, *shape = struct.unpack(f">{1 + rank}I", header)
            if magic != expected:
                raise DataError(
                    f"{path}: expected idx magic number 0x{expected:08x} ({what}), got "
                    f"0x{magic:08x}"
                )
            size = math.prod(shape)
            if not 0 < size <= MAX_IDX_BYTES:
                sides = "x".join(map(str, shape[1:]))
                raise DataError(f"{path}: its header announces {shape[0]} {what} of {sides}")
            data = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch the file again") from error
    if len(data) != size:
        got = f"{len(data)} bytes" if len(data) < size else "more"
        raise DataError(f"{path}: expected {size} bytes of {what}, got {got}; fetch the file again")
    return np.frombuffer(data, np.uint8).reshape(shape)


def read_idx_pair(train: Path, test: Path) -> MnistImages:
    """Read MNIST from its two image files; raises DataError when damaged or not MNIST's."""
    return _checked(train, read_idx_images(train), test, read_idx_images(test))


def read_npz_arrays(path: Path, *keys: str) -> list[np.ndarray]:
    """Read arrays of an npz by name; raises DataError when one is missing or cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[key] for key in keys]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path}: expected an npz with arrays {' and '.join(keys)}, got {error}; remove it or "
            "fetch it again"
        ) from error


def read_npz(path: Path) -> MnistImages:
    """Read MNIST from Keras' npz (arrays x_train and x_test); raises DataError as read_idx_pair."""
    train, test = read_npz_arrays(path, "x_train", "x_test")
    return _checked(path, train, path, test)


def _checked(train_path: Path, train: Any, test_path: Path, test: Any) -> MnistImages:
    for path, images, count in ((train_path, train, 60_000), (test_path, test, 10_000)):
        if images.dtype != np.uint8 or images.shape != (count, 28, 28):
            raise DataError(
                f"{path}: expected MNIST's {count} images of 28x28 uint8, got "
                f"{images.shape} {images.dtype}"
            )
    return MnistImages(train, test)


def fetch(download: Download, path: Path, report: Callable[[str], None]) -> None:
    """Download to `path`, which must not exist; it appears only whole and with the right checksum.

    Raises:
        OSError: there is no connection within CONNECT_SECONDS, the download breaks off, or the file
            cannot be written.
        DataError: the checksum does not agree.
    """
    import pooch  # brings an HTTP client, which takes a while to import

    pooch.get_logger().setLevel("WARNING")  # it would say what `report` says
    report(f"downloading {download.url} ({download.size_bytes / 1e6:.0f} MB) to {path}")
    client: Any = pooch.HTTPDownloader(timeout=CONNECT_SECONDS)
    known = f"sha256:{download.sha256}"
    try:
        pooch.retrieve(download.url, known, fname=path.name, path=path.parent, downloader=client)
    except ValueError as error:
        raise DataError(f"{download.url}: expected sha256 {download.sha256}: {error}") from None
    except OSError as error:
        reason = first_line(error).rpartition(": ")[2].partition('"))')[0]  # of many layers
        raise OSError(f"no connection ({reason})") from error
