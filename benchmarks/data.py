"""How many clips a second data are made, written and read: python benchmarks/data.py [--clips N].

A clip is 20 frames of 64x64 bytes. Everything happens in a temporary folder; the files stay in the
system's page cache, so reading measures this code and not the disk. `batches of 16` is what
training is fed with: shuffled, checked, float32, with masks, through tf.data.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from tfvp.data import order, pipeline
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.prepare import prepare
from tfvp.data.registry import dataset_of
from tfvp.system.silence import quiet_tensorflow_import

BATCH = 16
NEEDED = 500  # clips a second on two cores; the largest network sees fewer than one on them


def clips_per_second(work: Callable[[], int]) -> float:
    """Run once; `work` returns how many clips it went through."""
    began = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=3_000)
    count = parser.parse_args().clips
    with quiet_tensorflow_import():
        import tensorflow as tf
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), count)
    cores = len(os.sched_getaffinity(0))
    print(f"{count} clips of 20x64x64, {cores} cores, TensorFlow {tf.__version__}")
    for name, rate in rows:
        print(f"{name:<52}{rate:>9,.0f} clips/s")
    fed = dict(rows)["TFRecords: shuffled batches of 16, tf.data"]
    print(f"at least {NEEDED} clips/s are needed: {'yes' if fed >= NEEDED else 'NO'}")


def measure(folder: Path, count: int) -> list[tuple[str, float]]:
    config = MovingMnistData(
        digits="sklearn",
        prepared=folder,
        train_sequences=count,
        validation_sequences=1,
        test_sequences=1,
    )
    plan = dataset_of(config).plan(lambda line: None)
    made = plan.read(Console(quiet=True)).splits["train"]
    made[0]  # the digits' order is drawn once
    rows = [("generate", clips_per_second(lambda: sum(made[i] is not None for i in range(count))))]

    def write() -> int:
        prepare(config, report=lambda line: None)
        return count

    rows.append(("generate and write TFRecords, with all checksums", clips_per_second(write)))
    reader = prepare(config, report=lambda line: None).split("train")
    rows.append(
        ("TFRecords: read, one by one", clips_per_second(lambda: sum(len(r) > 0 for r in reader)))
    )

    def batches() -> int:
        fed = pipeline.TrainingBatches(
            reader, batch=BATCH, seed=0, sampling=lambda step: [0.5] * 9
        ).as_dataset()
        return sum(len(each["frames"]) for each in fed.take(count // BATCH).as_numpy_iterator())

    rows.append(("TFRecords: shuffled batches of 16, tf.data", clips_per_second(batches)))
    np.savez(folder / "raw.npz", clips=np.stack([reader[i] for i in range(count)]))

    def load() -> int:
        with np.load(folder / "raw.npz") as arrays:
            return len(arrays["clips"])

    rows.append(("raw npz: load the whole", clips_per_second(load)))

    def raw_batches() -> int:
        with np.load(folder / "raw.npz") as arrays:
            clips = arrays["clips"]
        seen = 0
        for step in range(1, count // BATCH + 1):
            frames = pipeline.to_float(clips[order.batch_indices(0, step, BATCH, count)])
            order.teacher_forcing_mask(0, step, range(BATCH), 9, 0.5)
            seen += len(frames)
        return seen

    rows.append(("raw npz: load, shuffled batches of 16, NumPy", clips_per_second(raw_batches)))
    return rows


if __name__ == "__main__":
    main()
