"""Where digits are looked for, what is said when they are not there, and files not believed."""

import gzip
from pathlib import Path

import numpy as np
import pooch
import pytest

from tests.helpers.small_data import idx_file
from tfvp.data.moving_mnist import digits, mnist_files
from tfvp.data.moving_mnist.digits import DigitSplit, find_digits
from tfvp.errors import DataError


@pytest.fixture(scope="module")
def images() -> mnist_files.MnistImages:
    """Not MNIST, but of its size: image i of each file begins with its number."""
    made = []
    for count in (60_000, 10_000):
        pixels = np.zeros((count, 28, 28), np.uint8)
        pixels[:, 0, 0], pixels[:, 0, 1] = np.divmod(np.arange(count), 256)
        made.append(pixels)
    return mnist_files.MnistImages(*made)


@pytest.fixture(autouse=True)
def nothing_anywhere(tmp_path, monkeypatch):
    """An empty home, and a network that refuses."""

    def refuse(*args, **kwargs):
        raise OSError("network is unreachable")

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(pooch, "retrieve", refuse)


def put_idx(root: Path, images: mnist_files.MnistImages) -> Path:
    (root / "mnist").mkdir(parents=True)
    (root / "mnist" / "train-images-idx3-ubyte").write_bytes(idx_file(images.train))
    zipped = gzip.compress(idx_file(images.test), compresslevel=1)
    (root / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(zipped)
    return root


def put_npz(path: Path, images: mnist_files.MnistImages) -> Path:
    path.parent.mkdir(parents=True)
    np.savez(path, x_train=images.train, x_test=images.test)
    return path


# --- the search ----------------------------------------------------------------------------------


def test_mnist_missing_names_every_place_and_its_reason(tmp_path):
    with pytest.raises(DataError) as caught:
        find_digits("mnist", tmp_path, print)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        f"{tmp_path / 'mnist'} (no such folder)",
        f"{tmp_path / 'home' / '.keras' / 'datasets' / 'mnist.npz'} (no such file)",
        "mnist.npz (no connection (network is unreachable))",
        "data.digits: sklearn",
    ):
        assert part in message


def test_no_root_and_an_incomplete_root_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="TFVP_DATA is set"):
        find_digits("mnist", None, print)
    (tmp_path / "mnist").mkdir()
    with pytest.raises(DataError, match=r"mnist \(no train-images-idx3-ubyte and t10k-images"):
        find_digits("mnist", tmp_path, print)


def test_auto_falls_back_loudly_and_says_so_in_the_record(tmp_path):
    lines = []
    found = find_digits("auto", tmp_path, lines.append)
    assert found.source == "sklearn"
    assert "cannot be compared" in found.label
    *_, line = lines  # the one before says what is downloaded
    assert line.startswith("WARNING: MNIST WAS NOT FOUND")
    assert "CANNOT BE COMPARED" in line
    assert str(tmp_path / "mnist") in line


def test_idx_under_root_comes_first(tmp_path, images, monkeypatch):
    put_npz(tmp_path / "keras" / "datasets" / "mnist.npz", images)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    root = put_idx(tmp_path / "root", images)
    assert find_digits("auto", root, print).origin == str(root / "mnist")
    monkeypatch.setenv("TFVP_DATA", str(root))
    assert find_digits("auto", None, print).origin == str(root / "mnist")
    found = find_digits("auto", tmp_path, print)
    assert found.origin == str(tmp_path / "keras" / "datasets" / "mnist.npz")


def test_npz_under_root(tmp_path, images):
    path = put_npz(tmp_path / "mnist" / "mnist.npz", images)
    assert find_digits("mnist", tmp_path, print).origin == str(path)


def test_mnist_is_split_by_number(tmp_path, images):
    found = find_digits("mnist", put_idx(tmp_path, images), print)
    numbers = {
        name: split.images[:, 0, 0].astype(int) * 256 + split.images[:, 0, 1]
        for name, split in found.splits.items()
    }
    assert (numbers["train"] == np.arange(55_000)).all()
    assert (numbers["validation"] == np.arange(55_000, 60_000)).all()
    assert (numbers["test"] == np.arange(10_000)).all()
    assert found.splits["validation"].numbers[0] == 55_000


def test_other_images_in_mnists_format_are_not_called_mnist(tmp_path, images):
    lines = []
    found = find_digits("mnist", put_idx(tmp_path, images), lines.append)
    assert "not the original MNIST" in found.label
    assert found.title != "MNIST"
    assert lines[0].startswith("WARNING")


def test_sklearn_by_name_is_split_and_scaled():
    found = find_digits("sklearn", None, print)
    assert [len(s.images) for s in found.splits.values()] == [1_200, 300, 297]
    assert [s.numbers[0] for s in found.splits.values()] == [0, 1_200, 1_500]
    first = found.splits["train"].images[0]
    assert first.shape == (28, 28)
    # The first digit is a 0; its pixel in row 1, column 3 is 15 of 16, the corner is 0 of 16.
    assert first[0, 0] == 0
    # 28 / 8 = 3.5: the centre of small pixel 3 lies at 3.5 * 3.5 - 0.5 = 11.75, between 11 and 12.
    assert abs(int(first[5, 12]) - 15 * 255 / 16) < 25


@pytest.mark.parametrize("px", [7, 14, 40])
def test_scaling_keeps_the_mean(px):
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 8:20, 8:20] = 200
    scaled = DigitSplit(image, [0]).scaled(px)
    assert scaled.shape == (1, px, px)
    assert scaled.dtype == np.uint8
    assert abs(scaled.mean() - image.mean()) < 1


def test_halving_averages_areas():
    image = np.arange(784, dtype=np.uint8).reshape(1, 28, 28) // 4 * 4
    expected = image.reshape(1, 14, 2, 14, 2).mean(axis=(2, 4))
    assert np.abs(DigitSplit(image, [0]).scaled(14) - expected).max() <= 0.5


# --- files that are not believed -----------------------------------------------------------------


def test_too_few_images_stop_the_search_and_nothing_is_touched(tmp_path, images):
    root = put_idx(tmp_path, images)
    short = root / "mnist" / "train-images-idx3-ubyte"
    short.write_bytes(idx_file(images.train[:100]))
    with pytest.raises(DataError, match=r"expected MNIST's 60000 images .* got \(100, 28, 28\)"):
        find_digits("auto", root, print)
    assert short.stat().st_size == 16 + 100 * 784


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_damaged_npz_in_the_cache_stops_and_stays(tmp_path, content):
    path = digits.keras_cache()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(DataError, match="expected an npz with arrays x_train and x_test"):
        find_digits("auto", tmp_path, print)
    assert path.read_bytes() == content
