"""Characters of EMNIST, KMNIST and Omniglot that stand in for MNIST's digits, as 28x28 images.

All are read where they lie under the root of the raw data; nothing is downloaded or unpacked.

- emnist_balanced, emnist_byclass, emnist_letters: emnist/ or emnist/gzip/ with
  emnist-<set>-{train,test}-{images-idx3,labels-idx1}-ubyte[.gz]. The last twelfth of the training
  file is the validation split, as MNIST's is.
- kmnist: kmnist/kmnist-{train,test}-imgs.npz, of which one may be missing; split as EMNIST.
- omniglot: omniglot/*images_background*.zip, exactly one; of each character's 20 drawers 1-14 are
  training, 15-16 validation and 17-20 test.
"""

import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tfvp.data.moving_mnist.mnist_files import read_idx_images, read_idx_labels, read_npz_arrays
from tfvp.data.raw_folder import NoRawData
from tfvp.errors import DataError

CHARACTER_PX = 28
VALIDATION_SHARE = 12  # one of so many images of the training file: MNIST's 5,000 of 60,000
EMNIST_DIGIT_LABELS = 10  # in balanced and byclass, labels 0-9 are the digits
MAX_PNG_BYTES, MAX_PNGS = 2**20, 100_000  # far above Omniglot's; keeps a forged zip harmless
DRAWERS = {"train": range(1, 15), "validation": range(15, 17), "test": range(17, 21)}

EMNIST_TERMS = "no licence is stated on NIST's page; made from NIST Special Database 19"
EMNIST_CITATION = (
    "G. Cohen, S. Afshar, J. Tapson, A. van Schaik: EMNIST: extending MNIST to handwritten "
    "letters, IJCNN 2017"
)
KMNIST_TERMS = (
    "CC BY-SA 4.0: KMNIST dataset (created by CODH), adapted from Kuzushiji dataset (created by "
    "NIJL and others), doi:10.20676/00000341"
)
KMNIST_CITATION = (
    "T. Clanuwat et al.: Deep learning for classical Japanese literature, arXiv:1812.01718, 2018"
)
OMNIGLOT_TERMS = "MIT licence"
OMNIGLOT_CITATION = (
    "B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum: Human-level concept learning through "
    "probabilistic program induction, Science 350, 2015"
)


class Characters(NamedTuple):
    """The images of one source and their numbers in their file, by split, with terms of use."""

    title: str
    origin: str
    terms: str
    citation: str
    splits: dict[str, tuple[np.ndarray, np.ndarray]]  # uint8 (N, 28, 28), int (N,)


def find_characters(wanted: str, root: Path, without_digits: bool) -> Characters:
    """Read one of the sources that are listed above.

    Args:
        wanted: the source's name, a value of `data.digits`.
        root: the folder with emnist/, kmnist/ or omniglot/ inside.
        without_digits: leave out EMNIST's digits.

    Returns:
        uint8 (N, 28, 28) images in [0, 255] of each split, white on black.

    Raises:
        NoRawData: files are missing.
        DataError: files are damaged.
    """
    if wanted == "kmnist":
        return _kmnist(root / "kmnist")
    if wanted == "omniglot":
        return _omniglot(root / "omniglot")
    return _emnist(root / "emnist", wanted.removeprefix("emnist_"), without_digits)


# --- EMNIST ---


def _emnist(folder: Path, name: str, without_digits: bool) -> Characters:
    splits: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for part in ("train", "test"):
        path = _emnist_file(folder, f"emnist-{name}-{part}-images-idx3-ubyte")
        # Its rows are MNIST's columns.
        images = np.ascontiguousarray(read_idx_images(path).swapaxes(1, 2))
        _check(path, images)
        numbers = np.arange(len(images))
        if without_digits:
            labels_path = _emnist_file(folder, f"emnist-{name}-{part}-labels-idx1-ubyte")
            labels = read_idx_labels(labels_path)
            if len(labels) != len(images):
                raise DataError(
                    f"{labels_path}: expected {len(images)} labels, as {path.name} has images, "
                    f"got {len(labels)}"
                )
            numbers = np.flatnonzero(labels >= EMNIST_DIGIT_LABELS)
        splits |= _as_mnist(part, images[numbers], numbers)
    left = ", letters only" if without_digits else ""
    return Characters(f"EMNIST {name}{left}", str(folder), EMNIST_TERMS, EMNIST_CITATION, splits)


def _emnist_file(folder: Path, name: str) -> Path:
    places = [folder / inner / (name + end) for inner in ("", "gzip") for end in ("", ".gz")]
    for path in places:
        if path.exists():
            return path
    raise NoRawData(
        f"{folder}: expected {name}[.gz] there or in gzip/, it is in neither; unpack NIST's "
        "gzip.zip of EMNIST there"
    )


# --- KMNIST ---


def _kmnist(folder: Path) -> Characters:
    splits: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for part in ("train", "test"):
        path = folder / f"kmnist-{part}-imgs.npz"
        if path.exists():
            (images,) = read_npz_arrays(path, "arr_0")
            _check(path, images)
            splits |= _as_mnist(part, images, np.arange(len(images)))
    if not splits:
        raise NoRawData(
            f"{folder}: expected kmnist-train-imgs.npz or kmnist-test-imgs.npz, there is neither"
        )
    return Characters("KMNIST", str(folder), KMNIST_TERMS, KMNIST_CITATION, splits)


def _check(path: Path, images: np.ndarray) -> None:
    if (
        images.dtype != np.uint8
        or images.shape[1:] != (CHARACTER_PX, CHARACTER_PX)
        or len(images) < 2
    ):
        raise DataError(
            f"{path}: expected images of 28x28 uint8, got {images.shape} {images.dtype}"
        )


def _as_mnist(
    part: str, images: np.ndarray, numbers: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Split a training file as MNIST's is split; a test file is the test split."""
    if part == "test":
        return {"test": (images, numbers)}
    cut = len(images) - max(1, len(images) // VALIDATION_SHARE)
    return {"train": (images[:cut], numbers[:cut]), "validation": (images[cut:], numbers[cut:])}


# --- Omniglot ---


def _omniglot(folder: Path) -> Characters:
    found = sorted(folder.glob("*images_background*.zip"))
    if len(found) != 1:
        got = ", ".join(path.name for path in found) or "none"
        raise (DataError if found else NoRawData)(
            f"{folder}: expected one zip *images_background*.zip, got {got}"
        )
    try:
        with zipfile.ZipFile(found[0]) as archive:
            return _omniglot_zip(found[0], archive)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{found[0]}: cannot be read ({error}); fetch the zip again") from error


def _omniglot_zip(path: Path, archive: zipfile.ZipFile) -> Characters:
    """Read the drawings inside the zip: <alphabet>/<character>/<class>_<drawer>.png."""
    drawings = sorted(i.filename for i in archive.infolist() if i.filename.endswith(".png"))
    if not 0 < len(drawings) <= MAX_PNGS:
        raise DataError(f"{path}: expected up to {MAX_PNGS} PNG files, got {len(drawings)}")
    splits: dict[str, tuple[list[np.ndarray], list[int]]] = {name: ([], []) for name in DRAWERS}
    for number, name in enumerate(drawings):
        drawer = re.search(r"_(\d\d)\.png$", name)
        split = next((s for s, d in DRAWERS.items() if drawer and int(drawer[1]) in d), None)
        if split is None:
            raise DataError(f"{path}: {name}: expected a name that ends in _01.png … _20.png")
        splits[split][0].append(_drawing(path, archive, name))
        splits[split][1].append(number)
    return Characters(
        "Omniglot's characters",
        str(path),
        OMNIGLOT_TERMS,
        OMNIGLOT_CITATION,
        {s: (np.stack(images), np.array(numbers)) for s, (images, numbers) in splits.items()},
    )


def _drawing(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read a drawing, black ink on white, as MNIST has it: uint8 (28, 28), white on black.

    Averaging areas leaves thin strokes gray, so the values of each character are scaled until its
    brightest pixel is 255.
    """
    if archive.getinfo(name).file_size > MAX_PNG_BYTES:
        raise DataError(f"{path}: {name}: larger than {MAX_PNG_BYTES} bytes")
    data = np.frombuffer(archive.read(name), np.uint8)
    page = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    if page is None:
        raise DataError(f"{path}: {name}: not a PNG image; fetch the zip again")
    small = cv2.resize(255 - page, (CHARACTER_PX, CHARACTER_PX), interpolation=cv2.INTER_AREA)
    brightest = max(1, int(small.max()))
    return np.rint(small * (255 / brightest)).astype(np.uint8)
