"""Where the time of a training step goes, and how many clips at once would fit into memory."""

import statistics
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfvp.config.experiment import Experiment
from tfvp.profiling.step_cost import Clock, random_clips
from tfvp.training.distributed.devices import Devices
from tfvp.training.trainer import Trainer, compiled


def clips_at_once(experiment: Experiment) -> int:
    """Clips whose gradient is computed at once on a device, as the experiment trains."""
    return Devices(experiment).micro_batch


def micro_batch_that_fits(share: int, batch: int, before: float, peak: float, memory: float) -> int:
    """The largest part of a device's share of clips that would fit into memory; at least 1.

    Args:
        share: clips of an update on a device; what fits divides it.
        batch: clips at once when `peak` was measured.
        before: gigabytes held before the first step; they do not grow with the clips.
        peak: gigabytes held at most.
        memory: gigabytes that there are.
    """
    a_clip = max(peak - before, 1e-9) / batch
    fits = (m for m in range(share, 1, -1) if share % m == 0 and before + m * a_clip <= memory)
    return next(fits, 1)


def parts_of_step(
    experiment: Experiment, trainer: Trainer, batch: int, step: float
) -> dict[str, float]:
    """Seconds of the forward pass, of the gradient after it, and of what else a step does."""
    clips = {name: ops.convert_to_tensor(x) for name, x in random_clips(experiment, batch).items()}

    def forward(clips):
        return {"loss": trainer.measure(clips)[0]}

    def gradient(clips):
        return dict(enumerate(trainer.summed_gradients(clips)[1]))

    once, both = (_seconds(compiled(trainer, part), clips) for part in (forward, gradient))
    return {"forward": once, "backward": both - once, "update": max(0.0, step - both)}


def _seconds(call: Callable[[Any], Any], clips: Any, repeats: int = 2) -> float:
    call(clips)
    times = []
    for _ in range(repeats):
        began = Clock.now()
        for result in keras.tree.flatten(call(clips)):
            ops.convert_to_numpy(result)  # a device may still be at it
        times.append(began.since().wall)
    return statistics.median(times)
