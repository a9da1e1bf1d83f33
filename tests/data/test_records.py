"""Records come back bit for bit, through NumPy and through TensorFlow's own readers."""

import subprocess
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf

from tests import ROOT
from tests.helpers.small_data import SMALL, prepared_copy, silent
from tfvp.data.moving_mnist import dataset as moving_mnist
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.digits import find_digits
from tfvp.data.prepare import open_prepared
from tfvp.data.records import Record, decode, encode, framed
from tfvp.sections import SPLITS


@pytest.fixture
def config(tmp_path) -> MovingMnistData:
    """Settings whose data lie prepared in a folder that the test may damage."""
    return prepared_copy(tmp_path / "data")


def test_numpy_reads_what_was_made(config):
    prepared = open_prepared(config)
    digits = find_digits("sklearn", None, silent)
    for split in SPLITS:
        made = moving_mnist.clips(config, digits, split, config.sequences(split))
        reader = prepared.split(split)
        assert (len(reader), reader.shape) == (config.sequences(split), made.shape)
        for index in range(len(reader)):
            np.testing.assert_array_equal(reader[index], made[index])
            assert reader.source(index) == made.source(index)
        with pytest.raises(IndexError):
            reader[len(reader)]


@pytest.mark.parametrize("index", [0, 127, 128, 70_000])
def test_a_record_is_what_tensorflow_would_write(index, tmp_path):
    frames = np.random.default_rng(index).integers(0, 256, (2, 3, 4, 1), np.uint8)
    record = Record(frames, "clip ä.avi", index)

    def numbers(*values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {
        "frames": text(frames.tobytes()),
        "shape": numbers(2, 3, 4, 1),
        "source": text(record.source.encode()),
        "index": numbers(index),
        "crc32": numbers(zlib.crc32(frames.tobytes())),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    assert encode(record) == example.SerializeToString(deterministic=True)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        writer.write(encode(record))
    assert framed(encode(record)) == (tmp_path / "theirs").read_bytes()


def test_tensorflow_reads_the_same(config):
    prepared = open_prepared(config)
    schema = {
        "frames": tf.io.FixedLenFeature([], tf.string),
        "shape": tf.io.FixedLenFeature([4], tf.int64),
        "source": tf.io.FixedLenFeature([], tf.string),
        "index": tf.io.FixedLenFeature([], tf.int64),
        "crc32": tf.io.FixedLenFeature([], tf.int64),
    }
    reader = prepared.split("train")
    files = sorted(str(path) for path in prepared.folder.glob("train-*"))
    records = list(tf.data.TFRecordDataset(files))
    assert len(records) == 12
    for number, serialized in enumerate(records):
        got = tf.io.parse_single_example(serialized, schema)
        frames = tf.reshape(tf.io.decode_raw(got["frames"], tf.uint8), got["shape"])
        np.testing.assert_array_equal(frames, reader[number])
        assert got["index"] == number
        assert got["source"].numpy().decode() == reader.source(number)
        assert got["crc32"] == zlib.crc32(got["frames"].numpy())


def test_decode_takes_what_tensorflow_writes():
    frames = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    got = decode(encode(Record(frames, "Käfer 1", 2**40)))
    np.testing.assert_array_equal(got.frames, frames)
    assert (got.source, got.index) == ("Käfer 1", 2**40)
    with pytest.raises(ValueError, match="read-only"):
        got.frames[0] = 1


def test_any_flipped_bit_is_noticed_or_harmless():
    record = Record(np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1), "abc", 3)
    payload = encode(record)
    for at in range(len(payload)):
        damaged = payload[:at] + bytes([payload[at] ^ 4]) + payload[at + 1 :]
        try:
            got = decode(damaged)
        except ValueError:
            continue
        np.testing.assert_array_equal(got.frames.ravel(), record.frames.ravel())


def test_reading_needs_no_tensorflow(config):
    program = (
        "import sys; from pathlib import Path\n"
        "from tfvp.data.moving_mnist.config import MovingMnistData\n"
        "from tfvp.data import pipeline, prepare\n"
        f"config = MovingMnistData(prepared=Path({str(config.prepared)!r}), **{SMALL!r})\n"
        "source = prepare.open_prepared(config).split('train')\n"
        "batches = pipeline.TrainingBatches(\n"
        "    source, batch=4, seed=0, sampling=lambda step: [0.0])\n"
        "assert batches.at(1)['frames'].shape == (4, 5, 24, 32, 1)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    root = ROOT
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
