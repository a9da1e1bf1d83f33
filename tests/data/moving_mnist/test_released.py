"""Moving MNIST as others released it: the test file of Toronto and the E3D program's npz."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.small_data import silent
from tfvp.data import order
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.released import read_released
from tfvp.data.prepare import open_prepared, prepare
from tfvp.errors import DataError

SHAPE = (5, 24, 32, 1)


def noise(*shape: int) -> np.ndarray:
    words = order.words(3, "motion", (1,), int(np.prod(shape))) >> np.uint64(56)
    return words.astype(np.uint8).reshape(shape)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "moving_mnist").mkdir()
    return tmp_path / "moving_mnist"


def put_npz(path: Path, **changes) -> tuple[Path, np.ndarray]:
    """Four clips of 3 + 2 frames, the inputs behind one another and then the outputs."""
    raw = noise(20, 1, 24, 32)
    inputs = np.array([[3 * i, 3] for i in range(4)])
    outputs = np.array([[12 + 2 * i, 2] for i in range(4)])
    arrays = {
        "clips": np.stack([inputs, outputs]),
        "dims": np.array([[1, 24, 32]]),
        "input_raw_data": (raw / 255).astype(np.float32),
    }
    np.savez(path, **{**arrays, **changes})
    return path, raw


def test_npy_is_time_major_and_stays_on_the_disk(folder):
    content = noise(6, 4, 24, 32)
    np.save(folder / "seq.npy", content)
    clips = read_released(folder / "seq.npy", SHAPE, 3)
    assert isinstance(clips.frames, np.memmap)
    np.testing.assert_array_equal(clips[2][..., 0], content[:5, 2])
    assert clips.source(2) == "seq.npy 2"
    with pytest.raises(IndexError):
        clips[3]


def test_npz_joins_input_and_output(folder):
    path, raw = put_npz(folder / "train.npz")
    clips = read_released(path, SHAPE, 4)
    for i in range(4):
        expected = [raw[3 * i : 3 * i + 3, 0], raw[12 + 2 * i : 14 + 2 * i, 0]]
        np.testing.assert_array_equal(clips[i][..., 0], np.concatenate(expected))


def test_an_l_in_an_npz_stands_upright_and_its_frames_in_order(tmp_path):
    """Drawn by hand: 24x32 pixels, an L of 3x2 in frame t at row t, column 2 t."""
    raw = np.zeros((5, 1, 24, 32), np.float32)
    for t in range(5):
        raw[t, 0, t : t + 3, 2 * t] = raw[t, 0, t + 2, 2 * t + 1] = 1
    path, _ = put_npz(
        tmp_path / "l.npz", input_raw_data=raw, clips=np.array([[[0, 3]], [[3, 2]]])
    )  # fmt: skip
    (clip,) = (read_released(path, SHAPE, 1)[0],)
    for t in range(5):
        rows, columns = np.nonzero(clip[t, ..., 0])
        lit = {(t, 2 * t), (t + 1, 2 * t), (t + 2, 2 * t), (t + 2, 2 * t + 1)}
        assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == lit


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"clips": np.zeros((2, 4, 3), int)}, "instead of integers"),
        ({"clips": np.array([[[18, 3]], [[0, 2]]])}, "reach beyond its 20 frames"),
        ({"dims": np.array([[1, 32, 24]])}, "instead of .frames, .dims. with dims"),
        ({"input_raw_data": np.full((20, 1, 24, 32), 7.0)}, r"in \[0, 7\] instead of \[0, 1\]"),
        ({"input_raw_data": np.full((20, 1, 24, 32), np.nan)}, r"instead of \[0, 1\]"),
        ({"input_raw_data": np.array([{}], dtype=object)}, "allow_pickle=False"),
        ({"clips": np.array([[[0, 2]], [[2, 2]]])}, "at least 5 frames of 24x32, got 4 of 24x32"),
    ],
)
def test_npz_that_does_not_fit(folder, changes, says):
    path, _ = put_npz(folder / "train.npz", **changes)
    with pytest.raises(DataError, match=says) as caught:
        read_released(path, SHAPE, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (noise(6, 24, 32), r"uint8 \(6, 24, 32\) instead of uint8 \(T, N, H, W\)"),
        (noise(6, 4, 24, 32) / 255, "float64"),
        (noise(4, 4, 24, 32), "at least 5 frames of 24x32, got 4"),
        (noise(5, 4, 32, 24), "got 5 of 32x24"),
        (noise(5, 2, 24, 32), "3 sequences are wanted and it has 2"),
    ],
)
def test_npy_that_does_not_fit(folder, content, says):
    np.save(folder / "seq.npy", content)
    with pytest.raises(DataError, match=says):
        read_released(folder / "seq.npy", SHAPE, 3)


def test_a_file_that_is_not_there(folder):
    with pytest.raises(DataError, match="no such file"):
        read_released(folder / "seq.npy", SHAPE, 3)


def config_of(folder: Path, **changes) -> MovingMnistData:
    settings = {
        "root": folder.parent,
        "prepared": folder.parent / "data",
        "digits": "sklearn",
        "digit_px": 10,
        "frame_px": (24, 32),
        "context_frames": 3,
        "predict_frames": 2,
        "train_sequences": 0,
        "validation_sequences": 0,
        "test_sequences": 4,
        "test_file": "test.npz",
    }
    return MovingMnistData(**{**settings, **changes})


def test_a_released_test_set_alone_needs_no_digits(folder):
    _, raw = put_npz(folder / "test.npz")
    config = config_of(folder, digits="mnist")
    made = prepare(config, report=silent)
    assert list(made.manifest.splits) == ["test"]
    assert made.facts["files"] == {"test": "test.npz"}
    np.testing.assert_array_equal(made.split("test")[3][:3, ..., 0], raw[9:12, 0])
    assert open_prepared(config).folder == made.folder


def test_a_released_test_set_beside_generated_training(folder):
    put_npz(folder / "test.npz")
    config = config_of(folder, train_sequences=6, validation_sequences=2)
    made = prepare(config, report=silent)
    assert [len(made.split(name)) for name in ("train", "validation", "test")] == [6, 2, 4]
    assert made.split("train").source(0).startswith("sklearn/train")
    assert made.split("test").source(0) == "test.npz 0"
    assert "cannot be compared" in made.facts["label"]
    assert open_prepared(config).folder == made.folder
    put_npz(folder / "test.npz", input_raw_data=np.zeros((20, 1, 24, 32)))
    assert prepare(config, report=silent).folder != made.folder


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train_sequences": 5}, "both are 0"),
        ({"train_source": "generated"}, "needs data.train_sequences above 0"),
        ({"without_digits": True}, "emnist_balanced or emnist_byclass, got sklearn"),
    ],
)
def test_choices_that_contradict_each_other(folder, changes, says):
    with pytest.raises(ValueError, match=says):
        config_of(folder, **changes)


@pytest.mark.realdata
def test_the_genuine_sequences_are_a_test_set(tmp_path):
    config = MovingMnistData(
        prepared=tmp_path,
        train_sequences=0,
        validation_sequences=0,
        test_sequences=6,
        test_file="toronto_test_subset_6seq.npy",
    )
    made = prepare(config, report=print)
    path = Path(os.environ["TFVP_DATA"]) / "moving_mnist" / config.test_file
    genuine = np.load(path, allow_pickle=False)
    for number in range(6):
        np.testing.assert_array_equal(made.split("test")[number][..., 0], genuine[:, number])
