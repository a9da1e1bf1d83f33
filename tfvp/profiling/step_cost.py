"""What training an experiment costs, measured: time to the first step, a step, memory, its parts.

The floor of a step is its floating-point operations over the best rate of large matrix products in
the same precision, measured between the steps: a rate that the network cannot beat. Their ratio is
what to compare across machines. On a machine that others
use too, the ratio of processor times says more than that of times.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from tfvp.backend import backend
from tfvp.config.experiment import Experiment
from tfvp.inference.compiled import compiled_prediction, compiled_reconstruction
from tfvp.models.cost import count_operations, parameter_count
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import Loop, build_trainer
from tfvp.training.memory import peak_gigabytes
from tfvp.training.trainer import Trainer

FORWARD_PASSES = 3  # that a training step counts as: one forward, two for the gradient
RATE_SIZES = (1024, 2048, 3072)  # rows of the matrix products
GPU_RATE_SIZES = (4096, 8192, 16384)  # a smaller one does not fill it


@dataclass(frozen=True)
class StepCost:
    """One network's numbers; seconds are of the clock, `cpu` ones of all cores together."""

    config: str
    batch: int
    frames: int  # of a clip
    precision: str
    cores: int
    load: float  # processes that wanted a core, per core; above 1 others slowed this down
    parameters: int
    gflop: float  # of a training step
    first_step: float  # seconds from the start of fit
    first_step_cpu: float
    step: float
    step_cpu: float
    floor: float
    floor_cpu: float
    peak_gb: float  # of the process while it trained
    frames_per_s: float  # predicted, at inference, compiled before
    product: str  # the precision of the matrix products that make the floor
    tflops: float  # their rate by the clock, in 10¹² operations a second

    @property
    def ratio(self) -> float:
        """Time of a step over its floor."""
        return self.step / self.floor

    @property
    def ratio_cpu(self) -> float:
        """Processor time of a step over its floor's."""
        return self.step_cpu / self.floor_cpu

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "ratio": self.ratio, "ratio_cpu": self.ratio_cpu}


@dataclass(frozen=True)
class Clock:
    """Seconds of the clock and of all cores, both since some start."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> "Clock":
        """Read both."""
        return cls(time.perf_counter(), time.process_time())

    def since(self) -> "Clock":
        """Time from then to now."""
        now = Clock.now()
        return Clock(now.wall - self.wall, now.cpu - self.cpu)


def build_profiled(experiment: Experiment, batch: int) -> Loop:
    """The experiment's loop as it is on one device, for batches of `batch` clips at once."""
    config = experiment.training.model_copy(
        update={"global_batch": batch, "micro_batch": batch, "distribution": "none"}
    )
    whole = experiment.model_copy(update={"training": config})
    devices = Devices(whole)
    return Loop(build_trainer(whole, devices), config, own=devices.own_loop)


def random_clips(experiment: Experiment, batch: int) -> dict[str, np.ndarray]:
    """A batch of noise with the shapes of the experiment's."""
    data, future = experiment.data, experiment.trained_future
    shape = (batch, data.context_frames + future, *data.frame_px, data.channels)
    return {
        "frames": np.random.default_rng(0).random(shape, np.float32),
        "teacher_forcing_mask": np.ones((batch, future - 1), np.float32),
    }


def measure(
    experiment: Experiment,
    *,
    batch: int,
    steps: int,
    loop: Loop | None = None,
    report: Callable[[int], Any] = lambda done: None,
) -> StepCost:
    """Measure training steps and inference; the process' memory so far is part of the peak.

    Args:
        experiment: what is trained; its own batch and micro-batch are not looked at.
        batch: clips at once.
        steps: after the first.
        loop: from `build_profiled`; None: a new one.
        report: told of every step done.
    """
    loop = loop or build_profiled(experiment, batch)
    trainer, clips = loop.trainer, random_clips(experiment, batch)
    times, rates = take_steps(loop, clips, 1 + steps, report)
    peak = peak_gigabytes()
    work = FORWARD_PASSES * count_operations(lambda: trainer.predictor(clips))
    rate = _best(rates)
    return StepCost(
        config=experiment.config,
        batch=batch,
        frames=experiment.data.context_frames + experiment.trained_future,
        precision=experiment.training.precision,
        **_circumstances(),
        parameters=parameter_count(trainer.predictor),
        gflop=work / 1e9,
        **_timed("first_step", times[0]),
        **_timed("step", _middle(times[1:])),
        **_timed("floor", Clock(work / rate.wall, work / rate.cpu)),
        peak_gb=peak,
        frames_per_s=_frames_per_second(trainer, experiment, batch),
        product=backend.product_precision(trainer.predictor.compute_dtype),
        tflops=rate.wall / 1e12,
    )


def _timed(name: str, clock: Clock) -> dict[str, Any]:
    return {name: clock.wall, f"{name}_cpu": clock.cpu}


def _circumstances() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0] / (os.cpu_count() or 1),
    }


def take_steps(
    loop: Loop, clips: Any, count: int, report: Callable[[int], Any]
) -> tuple[list[Clock], list[Clock]]:
    """Take updates; the time of each, and the rate of the matrix product after each."""
    times: list[Clock] = []
    rates: list[Clock] = []
    began = Clock.now()

    def after(number: int, logs: dict[str, Any]) -> None:
        nonlocal began
        float(logs["loss"])  # a device may still be at it
        times.append(began.since())
        rates.append(matrix_rate(loop.trainer.predictor.compute_dtype))
        report(number + 1)
        began = Clock.now()

    watch = keras.callbacks.LambdaCallback(on_train_batch_end=after)
    loop.run(backend.repeated(clips), count, watch)
    return times, rates


def matrix_rate(dtype: str, sizes: tuple[int, ...] = (), repeats: int = 3) -> Clock:
    """The most operations a second of large matrix products; `sizes`: their rows."""
    sizes = sizes or (RATE_SIZES if backend.gpu_memory() is None else GPU_RATE_SIZES)
    return _best([_rate(dtype, size) for size in sizes for _ in range(repeats)])


def _rate(dtype: str, size: int) -> Clock:
    """Operations a second of two products, after one that starts threads."""
    a = ops.ones((size, size), dtype)
    float(ops.matmul(a, a)[0, 0])
    began = Clock.now()
    products = [ops.matmul(a, a), ops.matmul(a, a)]
    for product in products:
        float(product[0, 0])  # a device may still be at it
    took = began.since()
    return Clock(*(2 * 2.0 * size**3 / seconds for seconds in (took.wall, took.cpu)))


def _best(rates: list[Clock]) -> Clock:
    """The highest of each: what the machine does when nothing is in its way."""
    return Clock(max(rate.wall for rate in rates), max(rate.cpu for rate in rates))


def _middle(clocks: list[Clock]) -> Clock:
    return Clock(
        statistics.median(clock.wall for clock in clocks),
        statistics.median(clock.cpu for clock in clocks),
    )


def _frames_per_second(trainer: Trainer, experiment: Experiment, batch: int) -> float:
    data = experiment.data
    if experiment.evaluation.task == "reconstruction":
        predict, count = compiled_reconstruction(trainer.predictor), data.context_frames
    else:
        count = data.predict_frames
        predict = compiled_prediction(trainer.predictor, count)
    shape = (batch, data.context_frames, *data.frame_px, data.channels)
    context = np.random.default_rng(0).random(shape, np.float32)
    predict(context)
    began = Clock.now()
    predict(context)
    return batch * count / began.since().wall
