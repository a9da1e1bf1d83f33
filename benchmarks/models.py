"""What a network costs: parameters, operations, time to the first step, a step, memory, inference.

    python benchmarks/models.py                              # the full E3D-LSTM, two clips a step
    python benchmarks/models.py e3d e2d --batch 2 --steps 5 --json models.json
    python benchmarks/models.py e3d_residual --precision mixed_bfloat16

Each network is measured in a process of its own, so that its peak memory is its own. The floor of a
step is its operations over the rate of a large matrix product measured in the same process, between
the steps; the ratio of the two is what to compare across machines, because these are noisy.
Operations are counted from the convolutions and matrix products of one forward pass, two for each
multiplication with its addition; a training step counts as three forward passes.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from math import prod
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = (
    "parameters",
    "GFLOP a step",
    "first step s",
    "step s",
    "floor s",
    "ratio",
    "peak GB",
    "frames/s",
)


def count_operations(call) -> float:
    """Floating-point operations of the convolutions and products inside `call`, run eagerly."""
    from keras import ops

    total = 0.0
    originals = {name: getattr(ops, name) for name in ("conv", "matmul", "einsum")}

    def conv(x, kernel, *args, **kwargs):
        nonlocal total
        y = originals["conv"](x, kernel, *args, **kwargs)
        total += 2.0 * prod(y.shape) * prod(kernel.shape[:-1])
        return y

    def matmul(a, b):
        nonlocal total
        y = originals["matmul"](a, b)
        total += 2.0 * prod(y.shape) * a.shape[-1]
        return y

    def einsum(subscripts, *operands, **kwargs):
        nonlocal total
        names = subscripts.split("->")[0].split(",")
        sizes = {
            letter: size
            for name, operand in zip(names, operands, strict=True)
            for letter, size in zip(name, operand.shape, strict=True)
        }
        total += 2.0 * prod(sizes.values())
        return originals["einsum"](subscripts, *operands, **kwargs)

    for function in (conv, matmul, einsum):
        setattr(ops, function.__name__, function)
    try:
        call()
    finally:
        for name, function in originals.items():
            setattr(ops, name, function)
    return total


def matrix_rate(size: int = 4096) -> float:
    """Operations a second of a large float32 matrix product."""
    import tensorflow as tf

    a = tf.random.normal((size, size))
    product = tf.function(lambda: tf.reduce_sum(a @ a))
    product()
    started = time.perf_counter()
    float(product())
    return 2.0 * size**3 / (time.perf_counter() - started)


def measure(config: str, batch: int, steps: int, precision: str) -> dict[str, Any]:
    """All numbers of one network."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tfvp.config_files import load_config
    from tfvp.predict import compiled_prediction
    from tfvp.training.devices import Devices
    from tfvp.training.loop import build_trainer

    changes = [f"training.global_batch={batch}", f"training.micro_batch={batch}"]
    changes.append(f"training.precision={precision}")
    experiment = load_config(config, overrides=changes)
    data = experiment.data
    trainer = build_trainer(experiment, Devices(experiment.training))
    rng = np.random.default_rng(0)
    shape = (batch, data.total_frames, *data.frame_px, data.channels)
    clips = {
        "frames": rng.random(shape, np.float32),
        "use_truth": np.ones((batch, data.predict_frames - 1), np.float32),
    }
    forward = count_operations(lambda: trainer.predictor(clips))
    marks, rates = [time.perf_counter()], []

    def after_step(*_: Any, **__: Any) -> None:
        marks.append(time.perf_counter())
        rates.append(matrix_rate())
        started.append(time.perf_counter())

    started = [marks[0]]
    trainer.fit(
        tf.data.Dataset.from_tensors(clips).repeat(),
        steps_per_epoch=steps + 1,
        verbose=0,
        shuffle=False,
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=after_step)],
    )
    times = [end - begin for begin, end in zip(started, marks[1:], strict=False)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    predict = compiled_prediction(trainer.predictor, data.predict_frames)
    context = clips["frames"][:, : data.context_frames]
    predict(context)
    began = time.perf_counter()
    predict(context)
    seconds = time.perf_counter() - began
    step, floor = statistics.median(times[1:]), 3 * forward / statistics.median(rates[1:])
    return {
        "config": config,
        "batch": batch,
        "precision": precision,
        "parameters": trainer.predictor.count_params(),
        "GFLOP a step": 3 * forward / 1e9,
        "first step s": times[0],
        "step s": step,
        "floor s": floor,
        "ratio": step / floor,
        "peak GB": peak,
        "frames/s": batch * data.predict_frames / seconds,
    }


def main() -> None:
    """Measure the networks named on the command line, each in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", default=["e3d_residual"])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="after the first")
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    settings = (arguments.batch, arguments.steps, arguments.precision)
    if arguments.one:
        print("RESULT " + json.dumps(measure(arguments.configs[0], *settings)))
        return
    rows = [_in_a_process(config, *settings) for config in arguments.configs]
    title = f"{arguments.batch} clips a step, {arguments.precision}"
    table = Table("config", *COLUMNS, title=title)
    for row in rows:
        numbers = (row[column] for column in COLUMNS)
        table.add_row(row["config"], *(f"{n:,}" if n == int(n) else f"{n:.2f}" for n in numbers))
    Console(width=120).print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


def _in_a_process(config: str, batch: int, steps: int, precision: str) -> dict[str, Any]:
    command = [sys.executable, __file__, config, "--one", "--batch", str(batch)]
    command += ["--steps", str(steps), "--precision", precision]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not results:
        sys.exit(f"{config} could not be measured:\n{done.stderr[-2000:]}")
    return json.loads(results[-1].removeprefix("RESULT "))


if __name__ == "__main__":
    main()
