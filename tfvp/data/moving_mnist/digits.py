"""Finds the handwritten digits that move, and says to which split each belongs."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tfvp.data.moving_mnist import mnist_files
from tfvp.data.moving_mnist.characters import find_characters
from tfvp.data.moving_mnist.mnist_files import MnistImages
from tfvp.data.raw_folder import NoRawData, raw_root
from tfvp.errors import DataError

DIGIT_PX = 28
# Of the original 70,000 images, training file first: another MNIST is not the literature's.
ORIGINAL_MNIST_SHA256 = "5b92582eb909c82a9bfefcd44acbe9233be3eb5b419a44cf211022ad2bf4bf96"
IDX_NAMES = ("{}-images-idx3-ubyte", "{}-images.idx3-ubyte")

MNIST_TERMS = "CC BY-SA 3.0 (says Keras of MNIST); copyright Y. LeCun and C. Cortes"
MNIST_CITATION = (
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document "
    "recognition, Proc. IEEE 86(11), 1998"
)
SKLEARN_TERMS = "CC BY 4.0 (UCI repository); shipped with scikit-learn"
SKLEARN_CITATION = (
    "E. Alpaydin, C. Kaynak: Optical recognition of handwritten digits, UCI machine learning "
    "repository, 1998"
)
NOT_COMPARABLE = "numbers cannot be compared with the literature's"


class DigitSplit(NamedTuple):
    """The digits of one split."""

    images: np.ndarray  # uint8 (N, 28, 28) in [0, 255], white on black
    numbers: Sequence[int] | np.ndarray  # of the images in their file, (N,)

    def scaled(self, px: int) -> np.ndarray:
        """Scale to uint8 (N, px, px): areas are averaged when smaller, bilinear when larger."""
        if px == DIGIT_PX:
            return self.images
        method = cv2.INTER_AREA if px < DIGIT_PX else cv2.INTER_LINEAR
        return np.stack(
            [cv2.resize(image, (px, px), interpolation=method) for image in self.images]
        )


@dataclass(frozen=True)
class Digits:
    """One source of digits with its fixed splits, and what tables must say about it."""

    source: str  # "mnist", "sklearn" or a source of tfvp.data.moving_mnist.characters
    title: str
    origin: str
    label: str  # empty, or why numbers cannot be compared with the literature's
    terms: str
    citation: str
    sha256: str
    splits: dict[str, DigitSplit]


def find_digits(
    wanted: str, root: Path | None, report: Callable[[str], None], without_digits: bool = False
) -> Digits:
    """Find the digits.

    MNIST is looked for under root, in Keras' cache, and on the network, in this order. A place
    without MNIST is passed over; a file that is there but damaged stops the search.

    Args:
        wanted: "mnist", "sklearn", "auto" (MNIST, else scikit-learn's, said loudly), or a source
            of `tfvp.data.moving_mnist.characters`, which has one place only.
        root: folder with mnist/ inside; None: $TFVP_DATA.
        report: takes lines for the console.
        without_digits: leave out EMNIST's digits.

    Raises:
        NoRawData: files are missing, or `wanted` is "mnist" and it is nowhere; names every place.
        DataError: a file is damaged.
    """
    if wanted == "sklearn":
        return _sklearn_digits()
    if wanted not in ("auto", "mnist"):
        return _other_characters(wanted, root, without_digits)
    images, found = _find_mnist(root, report)
    if images is not None:
        return _mnist_digits(images, found, report)
    if wanted == "mnist":
        raise NoRawData(
            f"data.digits: MNIST was not found: {found}; put its files into <data.root>/mnist, "
            f"or set data.digits: sklearn ({NOT_COMPARABLE})"
        )
    report(
        f"WARNING: MNIST WAS NOT FOUND, USING SCIKIT-LEARN'S 8x8 DIGITS INSTEAD: "
        f"{NOT_COMPARABLE.upper()}. Looked at: {found}"
    )
    return _sklearn_digits()


def _find_mnist(root: Path | None, report: Callable[[str], None]) -> tuple[MnistImages | None, str]:
    """Return the images and where they were, or None and every place with its reason against."""
    images, why_not_root = _from_root(root)
    if images is not None:
        return images, why_not_root
    cache = keras_cache()
    if cache.exists():
        return mnist_files.read_npz(cache), str(cache)
    reasons = f"{why_not_root}; {cache} (no such file); {mnist_files.MNIST_NPZ.url}"
    try:
        mnist_files.fetch(mnist_files.MNIST_NPZ, cache, report)
    except (OSError, DataError) as error:
        return None, f"{reasons} ({error})"
    return mnist_files.read_npz(cache), str(cache)


def _other_characters(wanted: str, root: Path | None, without_digits: bool) -> Digits:
    place = raw_root(root)
    if place is None:
        raise NoRawData(f"data.digits: {wanted} needs data.root or TFVP_DATA, neither is set")
    found = find_characters(wanted, place, without_digits)
    digest = hashlib.sha256()
    for images, _ in found.splits.values():
        digest.update(images.tobytes())
    return Digits(
        source=wanted,
        title=found.title,
        origin=found.origin,
        label=f"{found.title} instead of MNIST: {NOT_COMPARABLE}",
        terms=found.terms,
        citation=found.citation,
        sha256=digest.hexdigest(),
        splits={name: DigitSplit(*split) for name, split in found.splits.items()},
    )


def _from_root(root: Path | None) -> tuple[MnistImages | None, str]:
    place = raw_root(root)
    if place is None:
        return None, "neither data.root nor TFVP_DATA is set"
    folder = place / "mnist"
    if not folder.is_dir():
        return None, f"{folder} (no such folder)"
    train, test = _idx_file(folder, "train"), _idx_file(folder, "t10k")
    if train and test:
        return mnist_files.read_idx_pair(train, test), str(folder)
    if (folder / "mnist.npz").exists():
        return mnist_files.read_npz(folder / "mnist.npz"), str(folder / "mnist.npz")
    missing = " and ".join(
        IDX_NAMES[0].format(name) for name, path in (("train", train), ("t10k", test)) if not path
    )
    return None, f"{folder} (no {missing}[.gz], no mnist.npz)"


def _idx_file(folder: Path, name: str) -> Path | None:
    candidates = [folder / (n.format(name) + end) for n in IDX_NAMES for end in ("", ".gz")]
    return next((path for path in candidates if path.exists()), None)


def keras_cache() -> Path:
    """Return where Keras keeps mnist.npz: in $KERAS_HOME/datasets or ~/.keras/datasets."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets" / "mnist.npz"


def _mnist_digits(images: MnistImages, origin: str, report: Callable[[str], None]) -> Digits:
    """Split MNIST: the training file's last 5,000 images validate, the test file is the test."""
    digest = hashlib.sha256(images.train.tobytes() + images.test.tobytes()).hexdigest()
    original = digest == ORIGINAL_MNIST_SHA256
    label = "" if original else f"these are not the original MNIST images: {NOT_COMPARABLE}"
    report(f"digits: MNIST from {origin}" if original else f"WARNING: {origin}: {label}")
    return Digits(
        source="mnist",
        title="MNIST" if original else "images in MNIST's format",
        origin=origin,
        label=label,
        terms=MNIST_TERMS,
        citation=MNIST_CITATION,
        sha256=digest,
        splits={
            "train": DigitSplit(images.train[:55_000], range(55_000)),
            "validation": DigitSplit(images.train[55_000:], range(55_000, 60_000)),
            "test": DigitSplit(images.test, range(10_000)),
        },
    )


def _sklearn_digits() -> Digits:
    """Split scikit-learn's 1,797 digits: training 0-1,199, validation 1,200-1,499, test the rest.

    Their 8x8 pixels of 0 … 16 become 28x28 of 0 … 255 by bilinear interpolation. They fill their
    box, while MNIST's leave a margin of 4 pixels.
    """
    from sklearn.datasets import load_digits  # a second of import that only this source needs

    pixels, _ = load_digits(return_X_y=True)
    small = np.asarray(pixels, np.float32).reshape(-1, 8, 8) * (255 / 16)
    large = [cv2.resize(i, (DIGIT_PX, DIGIT_PX), interpolation=cv2.INTER_LINEAR) for i in small]
    images = np.rint(np.stack(large)).astype(np.uint8)
    return Digits(
        source="sklearn",
        title="scikit-learn's digits",
        origin="scikit-learn's bundled digits",
        label=f"scikit-learn's digits instead of MNIST: {NOT_COMPARABLE}",
        terms=SKLEARN_TERMS,
        citation=SKLEARN_CITATION,
        sha256=hashlib.sha256(images.tobytes()).hexdigest(),
        splits={
            "train": DigitSplit(images[:1_200], range(1_200)),
            "validation": DigitSplit(images[1_200:1_500], range(1_200, 1_500)),
            "test": DigitSplit(images[1_500:], range(1_500, len(images))),
        },
    )
