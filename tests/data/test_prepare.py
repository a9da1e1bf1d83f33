"""Data are prepared once for the settings that decide their bytes, whole or not at all."""

import shutil

import numpy as np
import pytest

from tests.helpers.small_data import CLIP_BYTES, CLIPS, SMALL, find, prepared_copy, silent
from tfvp.data import shards
from tfvp.data.moving_mnist import dataset as moving_mnist
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.digits import Digits, DigitSplit, find_digits
from tfvp.data.prepare import open_prepared, prepare, training_source
from tfvp.data.raw_folder import NoRawData
from tfvp.errors import DataError
from tfvp.sections import SPLITS


@pytest.fixture
def config(tmp_path) -> MovingMnistData:
    """Settings whose data lie prepared in a folder that the test may damage."""
    return prepared_copy(tmp_path / "data")


# --- prepared once -------------------------------------------------------------------------------


def test_prepared_data_are_reused(config):
    before = {path: path.stat().st_mtime_ns for path in config.prepared.rglob("*")}
    lines = []
    prepared = prepare(config, report=lines.append)
    assert {path: path.stat().st_mtime_ns for path in config.prepared.rglob("*")} == before
    assert lines == [f"using {prepared.folder}: every shard is as it was written"]
    assert prepared.verify() == []


def test_the_manifest_says_what_tables_must_say(config):
    facts = open_prepared(config).facts
    assert facts["digits_source"] == "sklearn"
    assert facts["comparable"] is False
    assert "cannot be compared" in facts["label"]
    assert facts["counts"] == {"train": 12, "validation": 5, "test": 4}
    assert "Srivastava" in facts["citation"][0]
    assert facts["terms"]
    assert facts["seed"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"digit_count": 3},
        {"digit_px": 11},
        {"frame_px": (32, 24)},
        {"step_length": 0.2},
        {"predict_frames": 3},
        {"test_sequences": 3},
        {"motion": "shi"},
        {"digit_subset": 7},
        {"train_sequences": 0, "validation_sequences": 0},
        {"digits": "mnist"},
    ],
)
def test_other_settings_are_other_data(config, change):
    other = config.model_copy(update=change)
    with pytest.raises(DataError, match="--stages prepare"):
        open_prepared(other)
    if change.get("digits") != "mnist":
        assert prepare(other, report=silent).hash != open_prepared(config).hash


@pytest.mark.parametrize(
    "change",
    [{"train_source": "generated"}, {"context_frames": 2, "predict_frames": 3}, {"digits": "auto"}],
)
def test_settings_that_do_not_change_the_bytes(config, change):
    other = open_prepared(config.model_copy(update=change))
    assert other.folder == open_prepared(config).folder


def fake_mnist(seed: int = 0) -> Digits:
    noise = np.random.default_rng(seed).integers(0, 256, (9, 28, 28), np.uint8)
    splits = {
        name: DigitSplit(noise[3 * i : 3 * i + 3], range(3 * i, 3 * i + 3))
        for i, name in enumerate(SPLITS)
    }
    return Digits("mnist", "MNIST", "here", "", "t", "c", f"{seed}", splits)


def test_auto_prefers_mnist_and_does_not_choose_between_two_of_them(config, monkeypatch):
    auto = config.model_copy(update={"digits": "auto"})
    monkeypatch.setattr(moving_mnist, "find_digits", lambda *args: fake_mnist())
    made = prepare(auto, report=silent)
    assert open_prepared(auto).folder == made.folder
    assert open_prepared(config).facts["digits_source"] == "sklearn"
    monkeypatch.setattr(moving_mnist, "find_digits", lambda *args: fake_mnist(1))
    prepare(auto, report=silent)
    with pytest.raises(DataError, match="different raw data"):
        open_prepared(auto)


def test_splits_share_no_digit(config, monkeypatch):
    monkeypatch.setattr(moving_mnist, "find_digits", lambda *args: fake_mnist())
    prepared = prepare(config.model_copy(update={"digits": "mnist"}), report=silent)
    shown = {}
    for split in SPLITS:
        reader = prepared.split(split)
        sources = [reader.source(index).split()[1] for index in range(len(reader))]
        shown[split] = {int(n) for source in sources for n in source.split("+")}
    assert shown == {"train": {0, 1, 2}, "validation": {3, 4, 5}, "test": {6, 7, 8}}


def test_generated_clips_begin_with_the_prepared_ones(config):
    prepared = open_prepared(config)
    endless = config.model_copy(update={"train_source": "generated"})
    source = training_source(endless, prepared, report=silent)
    assert source.count is None
    np.testing.assert_array_equal(source[11], prepared.split("train")[11])
    assert source[10**9].shape == source.shape
    assert training_source(config, prepared, report=silent).count == 12


def test_generated_clips_need_the_same_digits(config, monkeypatch):
    monkeypatch.setattr(moving_mnist, "find_digits", lambda *args: fake_mnist())
    endless = config.model_copy(update={"train_source": "generated"})
    with pytest.raises(DataError, match="digits that the data were prepared from"):
        training_source(endless, open_prepared(config), report=silent)


# --- writing that fails --------------------------------------------------------------------------


def test_too_little_disk_is_said_before_writing(tmp_path, monkeypatch):
    full = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shards.shutil, "disk_usage", lambda path: full)
    config = MovingMnistData(prepared=tmp_path / "data", **SMALL)
    needed = CLIPS * (CLIP_BYTES + 256)
    says = f"needs {needed:,} bytes and {tmp_path} has 1,000 bytes free"
    with pytest.raises(DataError, match=says):
        prepare(config, report=silent)
    assert list(tmp_path.iterdir()) == []


def test_the_announced_need_is_enough(config):
    folder = open_prepared(config).folder
    used = sum(path.stat().st_size for path in folder.iterdir())
    assert CLIPS * CLIP_BYTES < used < CLIPS * (CLIP_BYTES + 256)


def test_a_prepared_folder_that_is_a_file(tmp_path):
    (tmp_path / "data").write_text("mine")
    with pytest.raises(DataError, match=r"cannot be written .*data.prepared"):
        prepare(MovingMnistData(prepared=tmp_path / "data", **SMALL), report=silent)
    assert (tmp_path / "data").read_text() == "mine"


# --- raw data that are not there (any more) ------------------------------------------------------


def test_finished_records_serve_where_their_raw_data_are_not(config, monkeypatch):
    """Made from MNIST, then taken to a machine that has none and finds none."""
    monkeypatch.setattr(moving_mnist, "find_digits", lambda *args: fake_mnist())
    mnist = config.model_copy(update={"digits": "mnist"})
    made = prepare(mnist, report=silent)

    def none(wanted, *args):
        if wanted == "auto":
            return find_digits("sklearn", None, silent)
        raise NoRawData("MNIST was not found")

    monkeypatch.setattr(moving_mnist, "find_digits", none)
    lines = []
    assert prepare(mnist, report=lines.append).folder == made.folder
    (line,) = lines
    assert line.startswith(f"using {made.folder}, prepared before from raw data that are not here")
    # auto: its stand-in is prepared too, yet what was made from MNIST is better.
    auto = config.model_copy(update={"digits": "auto"})
    assert prepare(auto, report=silent).folder == made.folder == open_prepared(auto).folder
    with pytest.raises(NoRawData):
        prepare(mnist.model_copy(update={"seed": 1}), report=silent)


def test_records_without_raw_data_are_checked_all_the_same(config, monkeypatch):
    monkeypatch.setattr(moving_mnist, "find_digits", lambda *args: fake_mnist())
    mnist = config.model_copy(update={"digits": "mnist"})
    shard = next(prepare(mnist, report=silent).folder.glob("train-*"))
    content = shard.read_bytes()
    shard.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])

    def none(*args):
        raise NoRawData("MNIST was not found")

    monkeypatch.setattr(moving_mnist, "find_digits", none)
    with pytest.raises(DataError, match=r"record 0 .* is damaged"):
        prepare(mnist, report=silent)


def test_a_damaged_manifest_of_other_data_is_in_nobodys_way(config):
    find(config, "manifest.json").write_text("{}")
    prepare(config.model_copy(update={"seed": 1}), report=silent)
