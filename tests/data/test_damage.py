"""Prepared data that are damaged are refused, and what is wrong is named."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers.small_data import CLIP_BYTES, find, prepared_copy, silent
from tfvp.data import manifest as manifests
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.prepare import open_prepared, prepare
from tfvp.data.records import RecordReader
from tfvp.errors import DataError


@pytest.fixture
def config(tmp_path) -> MovingMnistData:
    """Settings whose data lie prepared in a folder that the test may damage."""
    return prepared_copy(tmp_path / "data")


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_missing_shard(config):
    find(config).unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00003.tfrecord: shard is missing"):
        open_prepared(config)
    with pytest.raises(DataError, match=r"train-00001-of-00003.tfrecord: shard is missing"):
        prepare(config, report=silent)


def test_truncated_shard(config):
    path = find(config)
    path.write_bytes(path.read_bytes()[:-1])
    size = path.stat().st_size
    with pytest.raises(DataError, match=rf"00001-of-00003\.tfrecord: expected {size + 1} bytes"):
        open_prepared(config)


def test_a_shard_cut_while_it_is_read(config):
    reader = open_prepared(config).split("train")
    path = find(config)
    path.write_bytes(path.read_bytes()[:-1])
    assert reader[8].shape == reader.shape
    with pytest.raises(DataError, match=r"00001-of-00003.tfrecord: record 4 \(clip 9 of train\)"):
        reader[9]


@pytest.mark.parametrize("where", ["length", "length checksum", "frames", "payload checksum"])
def test_a_flipped_bit_is_named_by_shard_and_record(config, where):
    prepared = open_prepared(config)
    start, stop = prepared.split("train").shards[1].span(2)
    at = {"length": start, "length checksum": start + 8, "payload checksum": stop - 1}
    flip(find(config), at.get(where, start + CLIP_BYTES // 2))
    named = r"train-00001-of-00003.tfrecord: record 2 \(clip 7 of train\) is damaged"
    with pytest.raises(DataError, match=named):
        prepare(config, report=silent)
    (problem,) = prepared.verify()
    assert "00001-of-00003.tfrecord: record 2 (clip 7 of train)" in problem
    if where in ("length", "frames"):
        with pytest.raises(DataError, match=named):
            prepared.split("train")[7]
    prepared.split("train")[6]


def test_verify_names_every_damaged_record(config):
    prepared = open_prepared(config)
    for number in (0, 2, 3):
        start, stop = prepared.split("train").shards[1].span(number)
        flip(find(config), start if number == 2 else stop - 1)
    find(config, "test-00000-of-00001.tfrecord").unlink()
    problems = prepared.verify()
    said = [problem.split(".tfrecord: ")[1][:8] for problem in problems]
    assert said == ["record 0", "record 2", "record 3", "shard is"]


def test_a_record_that_is_not_where_it_belongs(config):
    reader = open_prepared(config).split("train")
    first, second, third = reader.shards
    swapped = RecordReader("train", reader.shape, (second, first, third))
    with pytest.raises(DataError, match=r"record 0 \(clip 0 of train\) .* it says clip 5"):
        swapped[0]
    other_shape = RecordReader("train", (5, 32, 24, 1), reader.shards)
    with pytest.raises(DataError, match=r"it says clip 0, shape \(5, 24, 32, 1\)"):
        other_shape[0]


def test_shards_that_changed_places_are_noticed(config):
    first, second = find(config, "train-00000-of-00003.tfrecord"), find(config)
    if first.stat().st_size == second.stat().st_size:
        first_bytes = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(first_bytes)
    else:
        shutil.copy(second, first)
    with pytest.raises(DataError, match=r"00000-of-00003\.tfrecord"):
        prepare(config, report=silent)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m["settings"].update(seed=5), "settings were altered"),
        (lambda m: m["splits"]["train"].update(count=13), "12 records in the shards, 13 announced"),
        (
            lambda m: m["splits"]["train"]["shards"][0].update(name="../../x"),
            "should match pattern",
        ),
        (lambda m: m["splits"]["train"]["shards"][0]["offsets"].reverse(), "do not ascend"),
        (lambda m: m.update(schema_version=2), "schema_version"),
        (lambda m: m.pop("facts"), "facts: Field required"),
    ],
)
def test_an_altered_manifest(config, change, says):
    path = find(config, manifests.NAME)
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    for refused in (open_prepared, lambda c: prepare(c, report=silent)):
        with pytest.raises(DataError, match=says):
            refused(config)


def test_a_folder_that_is_not_ours_is_left_alone(config):
    folder = find(config).parent
    (folder / manifests.NAME).unlink()
    before = sorted(folder.iterdir())
    with pytest.raises(DataError, match="left as it is"):
        prepare(config, report=silent)
    assert sorted(folder.iterdir()) == before
