"""Small data for tests: 21 prepared clips of scikit-learn's digits in five shards; idx files."""

import functools
import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tfvp.data import shards
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.prepare import prepare

SMALL = {
    "digits": "sklearn",
    "digit_px": 10,
    "frame_px": (24, 32),
    "context_frames": 3,
    "predict_frames": 2,
    "train_sequences": 12,
    "validation_sequences": 5,
    "test_sequences": 4,
}
CLIPS = 21
CLIP_BYTES = 5 * 24 * 32


def silent(line: str) -> None:
    """Take a report."""


def five_clips_a_shard(patch: pytest.MonkeyPatch) -> None:
    """Make shards so small that the train split has three."""
    patch.setattr(shards, "SHARD_BYTES", 5 * (CLIP_BYTES + shards.RECORD_OVERHEAD_BYTES))


@functools.cache
def _original() -> tempfile.TemporaryDirectory:
    folder = tempfile.TemporaryDirectory()
    with pytest.MonkeyPatch.context() as patch:
        five_clips_a_shard(patch)
        prepare(MovingMnistData(prepared=Path(folder.name), **SMALL), report=silent)
    return folder


def prepared_copy(folder: Path) -> MovingMnistData:
    """Return settings whose data lie prepared in `folder`, a new one that may be damaged."""
    shutil.copytree(_original().name, folder)
    return MovingMnistData(prepared=folder, **SMALL)


def find(config: MovingMnistData, name: str = "train-00001-of-00003.tfrecord") -> Path:
    """Return a file of the prepared folder; by default the shard of train's clips 5 to 9."""
    (path,) = config.prepared.glob(f"*/{name}")
    return path


def idx_file(images: np.ndarray, magic: int = 0x803) -> bytes:
    """Return the content of an idx file of images (N, H, W), as MNIST's page describes it."""
    return struct.pack(">4I", magic, *images.shape) + images.tobytes()
