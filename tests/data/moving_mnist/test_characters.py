"""Characters in the place of MNIST's digits: how their files are read, split, and refused."""

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests import ROOT
from tests.helpers.small_data import idx_file, silent
from tfvp.config.loading import load_config
from tfvp.config.yaml import read_mapping
from tfvp.data import order
from tfvp.data.moving_mnist.characters import find_characters
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.digits import find_digits
from tfvp.data.prepare import open_prepared, prepare
from tfvp.errors import DataError


def images_of(count: int, seed: int = 0) -> np.ndarray:
    """Noise (N, 28, 28) that NumPy's version cannot change."""
    noise = order.words(seed, "motion", (count,), count * 784) >> np.uint64(56)
    return noise.astype(np.uint8).reshape(count, 28, 28)


def labels_file(labels: list[int]) -> bytes:
    return struct.pack(">2I", 0x801, len(labels)) + bytes(labels)


@pytest.fixture
def emnist(tmp_path) -> Path:
    """A balanced set of 24 training and 4 test images in gzip/, whose labels are i mod 20."""
    folder = tmp_path / "emnist" / "gzip"
    folder.mkdir(parents=True)
    for part, count in (("train", 24), ("test", 4)):
        stem = f"emnist-balanced-{part}"
        shown = images_of(count)
        raw = idx_file(np.stack([image.T for image in shown]))
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(raw))
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(
            labels_file([i % 20 + 8 * (part == "test") for i in range(count)])
        )
    return tmp_path


def test_emnist_is_turned_upright_and_split_like_mnist(emnist):
    found = find_characters("emnist_balanced", emnist, False)
    np.testing.assert_array_equal(found.splits["train"][0], images_of(24)[:22])
    np.testing.assert_array_equal(found.splits["validation"][0], images_of(24)[22:])
    np.testing.assert_array_equal(found.splits["test"][0], images_of(4))
    assert found.splits["validation"][1].tolist() == [22, 23]


UPRIGHT = ["#..", "#..", "#..", "##."]  # an L, as it is read
AS_STORED = ["####", "...#", "...."]  # in the file its columns are rows: lying and mirrored


def enlarged(drawn: list[str]) -> np.ndarray:
    """A drawing of # and . in the upper left corner of 28x28, each a block of 7x7."""
    small = np.array([[255 * (mark == "#") for mark in row] for row in drawn], np.uint8)
    image = np.zeros((28, 28), np.uint8)
    blocks = small.repeat(7, axis=0).repeat(7, axis=1)
    image[: blocks.shape[0], : blocks.shape[1]] = blocks
    return image


@pytest.mark.parametrize("name", ["balanced", "byclass", "letters"])
def test_an_l_in_emnists_files_stands_upright_in_the_clips(tmp_path, name):
    """Drawn by hand, unlike its mirror image and unlike itself turned any way."""
    (tmp_path / "emnist").mkdir()
    stored = np.stack([enlarged(AS_STORED)] * 24)
    for part in ("train", "test"):
        path = tmp_path / "emnist" / f"emnist-{name}-{part}-images-idx3-ubyte"
        path.write_bytes(idx_file(stored))
    config = MovingMnistData(
        root=tmp_path, prepared=tmp_path / "d", digits=f"emnist_{name}", digit_count=1,
        train_sequences=2, validation_sequences=2, test_sequences=2
    )  # fmt: skip
    made = prepare(config, report=silent)
    for split in made.manifest.splits:
        frame = made.split(split)[1][3, ..., 0]
        ys, xs = np.nonzero(frame)
        shown = frame[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        np.testing.assert_array_equal(shown, enlarged(UPRIGHT)[:, :14])


def test_emnists_digits_are_left_out_on_request(emnist):
    found = find_digits("emnist_balanced", emnist, silent, True)
    assert found.title == "EMNIST balanced, letters only"
    # Labels 0-9 are digits: training images 0-9 and 20-23, test images 0 and 1 (labels 8 and 9).
    assert [s.numbers.tolist() for s in found.splits.values()] == [
        list(range(10, 19)),
        [19],
        [2, 3],
    ]
    np.testing.assert_array_equal(found.splits["test"].images, images_of(4)[2:])
    assert find_digits("emnist_balanced", emnist, silent).sha256 != found.sha256


def test_emnist_files_that_do_not_fit(emnist):
    with pytest.raises(DataError, match=r"emnist: expected emnist-letters-train-images-idx3-ubyte"):
        find_characters("emnist_letters", emnist, False)
    labels = emnist / "emnist" / "gzip" / "emnist-balanced-test-labels-idx1-ubyte"
    labels.write_bytes(labels_file([1, 2, 3]))
    with pytest.raises(DataError, match=r"expected 4 labels, as .* has images, got 3"):
        find_characters("emnist_balanced", emnist, True)
    labels.write_bytes(idx_file(images_of(4)))
    with pytest.raises(DataError, match=r"expected idx magic number 0x00000801 \(labels\)"):
        find_characters("emnist_balanced", emnist, True)


def put_kmnist(root: Path, **parts: np.ndarray) -> Path:
    (root / "kmnist").mkdir(exist_ok=True)
    for part, images in parts.items():
        np.savez(root / "kmnist" / f"kmnist-{part}-imgs.npz", images)
    return root


def test_kmnists_test_file_alone_makes_a_test_set_alone(tmp_path):
    put_kmnist(tmp_path, test=images_of(9))
    small = {"frame_px": (40, 40), "predict_frames": 2, "context_frames": 2, "test_sequences": 3}
    config = MovingMnistData(root=tmp_path, prepared=tmp_path / "d", digits="kmnist", **small)
    with pytest.raises(DataError, match=r"data.train_sequences: KMNIST in .* has no train images"):
        prepare(config, report=silent)
    alone = config.model_copy(update={"train_sequences": 0, "validation_sequences": 0})
    made = prepare(alone, report=silent)
    assert list(made.manifest.splits) == ["test"]
    assert made.facts["digits"] == "KMNIST"
    assert "CC BY-SA" in made.facts["terms"]
    assert made.facts["comparable"] is False
    assert open_prepared(alone).folder == made.folder
    assert made.split("test").source(0).startswith("kmnist/test ")
    with pytest.raises(DataError, match="no split 'train', it has test"):
        made.split("train")


def test_kmnist_files_that_do_not_fit(tmp_path):
    with pytest.raises(DataError, match="there is neither"):
        find_characters("kmnist", tmp_path, False)
    put_kmnist(tmp_path, train=images_of(24), test=images_of(3).astype(np.float32))
    with pytest.raises(DataError, match=r"expected images of 28x28 uint8, got .* float32"):
        find_characters("kmnist", tmp_path, False)
    path = tmp_path / "kmnist" / "kmnist-test-imgs.npz"
    np.savez(path, np.array([{}], dtype=object))
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        find_characters("kmnist", tmp_path, False)


def drawing(number: int) -> bytes:
    """A page of 105x105, white, with a black bar whose place tells `number`."""
    page = Image.new("1", (105, 105), 1)
    ImageDraw.Draw(page).rectangle([8, 4 * number, 96, 4 * number + 7], fill=0)
    data = io.BytesIO()
    page.save(data, "PNG")
    return data.getvalue()


def put_omniglot(root: Path, drawers: range = range(1, 21), extra: str | None = None) -> Path:
    (root / "omniglot").mkdir(exist_ok=True)
    path = root / "omniglot" / "images_background_small1.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for drawer in drawers:
            archive.writestr(f"images_background/A/character01/0001_{drawer:02d}.png", drawing(2))
        if extra:
            archive.writestr(extra, drawing(9))
    return path


def test_omniglot_is_read_inside_its_zip_and_split_by_drawer(tmp_path):
    put_omniglot(tmp_path, extra="../../escaped_20.png")
    before = sorted(tmp_path.rglob("*"))
    found = find_characters("omniglot", tmp_path, False)
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent / "escaped_20.png").exists()
    assert [len(images) for images, _ in found.splits.values()] == [14, 2, 5]
    assert not set(found.splits["train"][1]) & set(found.splits["test"][1])
    character = found.splits["train"][0][0]
    # The bar's rows 8-15 of 105 are rows 2.1-4.3 of 28; its columns 8-96 are 2.1-25.9.
    assert character[3, 14] == 255
    assert character[0, 14] == character[8, 14] == character[3, 0] == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p.unlink(), r"expected one zip \*images_background\*.zip, got none"),
        (lambda p: p.write_bytes(b"PK no zip"), "cannot be read"),
        (lambda p: p.write_bytes(p.read_bytes()[:-200]), "cannot be read"),
        (
            lambda p: (p.parent / "images_background.zip").write_bytes(b""),
            "got images_background.zip, images_background_small1.zip",
        ),
        (lambda p: put_omniglot(p.parent.parent, range(1, 23)), "0001_21.png: expected a name"),
    ],
)
def test_omniglot_zips_that_do_not_fit(tmp_path, spoil, says):
    spoil(put_omniglot(tmp_path))
    with pytest.raises(DataError, match=says):
        find_characters("omniglot", tmp_path, False)


def test_a_damaged_drawing_is_named(tmp_path):
    path = put_omniglot(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("B/character01/0002_01.png", b"not a picture")
    with pytest.raises(DataError, match=r"0002_01\.png: not a PNG image"):
        find_characters("omniglot", tmp_path, False)


def test_other_characters_need_a_root():
    with pytest.raises(DataError, match=r"kmnist needs data\.root or TFVP_DATA"):
        find_digits("kmnist", None, silent)


def test_every_source_and_motion_is_used_by_a_preset():
    path = ROOT / "configs" / "moving_mnist.yaml"
    names = read_mapping(path)["presets"]
    used = [load_config(path, preset=name).data for name in names]
    fields = MovingMnistData.model_fields
    assert {data.digits for data in used} | {"sklearn"} == set(fields["digits"].annotation.__args__)
    assert {data.motion for data in used} == set(fields["motion"].annotation.__args__)
    assert {data.digit_count for data in used} == {1, 2, 3, 4}
    assert {split for data in used for split in data.files} == {"train", "validation", "test"}
    assert any(data.without_digits for data in used)


# --- the real files ------------------------------------------------------------------------------


@pytest.mark.realdata
def test_the_real_kmnist_and_omniglot():
    kmnist = find_digits("kmnist", None, print)
    assert {name: len(s.images) for name, s in kmnist.splits.items()} == {"test": 10_000}
    assert 40 < kmnist.splits["test"].images.mean() < 60
    omniglot = find_digits("omniglot", None, print)
    counts = {name: len(split.images) for name, split in omniglot.splits.items()}
    assert counts == {"train": 136 * 14, "validation": 136 * 2, "test": 136 * 4}
    for split in omniglot.splits.values():
        assert (split.images.max(axis=(1, 2)) == 255).all()
        assert 10 < split.images.mean() < 40
