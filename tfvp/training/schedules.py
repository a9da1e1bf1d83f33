"""Schedules: pure functions of the step, so that a resumed run goes on exactly."""

import math

from tfvp.config.sampling import ReverseSamplingConfig, SamplingConfig
from tfvp.config.schedules import CosineRateConfig, OneCycleConfig, StepRateConfig
from tfvp.config.training import TrainingConfig


def scheduled(step: int, training: TrainingConfig) -> dict[str, float]:
    """Return everything that follows a schedule at step `step`, by its column in the logs.

    >>> scheduled(51, TrainingConfig(steps=100, schedule={"kind": "cosine"}))["learning_rate"]
    0.0005
    """
    values = {"learning_rate": learning_rate(step, training)}
    cycled = momentum(step, training)
    if cycled is not None:
        values["momentum"] = cycled
    sampling = training.scheduled_sampling
    values["truth_probability"] = truth_probability(step, sampling)
    if sampling and sampling.kind == "reverse":
        values["context_truth_probability"] = context_truth_probability(step, sampling)
    return values


def truth_probability(step: int, sampling: SamplingConfig | None) -> float:
    """Return the probability in [0, 1] of feeding a true frame of the future at a step.

    Linear: start - decay_per_step * step, never below 0, and 0 from stop_step on; without scheduled
    sampling always 0. The released programs lower it before its first use: step 1 is below start.
    Reverse and inverse sigmoid: see `ReverseSamplingConfig` and `InverseSigmoidSamplingConfig`; the
    latter counts the updates before this step, so it is nearly 1 at step 1, which is the first.

    >>> from tfvp.config.sampling import LinearSamplingConfig
    >>> truth_probability(25_000, LinearSamplingConfig())
    0.5
    """
    if sampling is None:
        return 0.0
    if sampling.kind == "reverse":
        whole = sampling.last_step - sampling.first_step
        past = (step - sampling.first_step) / whole
        return 0.5 - 0.5 * min(1.0, max(0.0, past))
    if sampling.kind == "inverse_sigmoid":
        falling = sampling.k * math.exp(-(step - 1) / sampling.k)  # exp(updates / k) would overflow
        return falling / (falling + 1)
    if step >= sampling.stop_step:
        return 0.0
    return max(0.0, sampling.start - sampling.decay_per_step * step)


def context_truth_probability(step: int, sampling: ReverseSamplingConfig) -> float:
    """Return the probability in [0, 1] of feeding a true frame of the context but the first.

    >>> context_truth_probability(25_000, ReverseSamplingConfig())
    0.5
    """
    if step >= sampling.last_step:
        return 1.0
    past = max(0, step - sampling.first_step)
    return 1 - 0.5 * math.exp(-past / sampling.time_constant)


def truth_probabilities(
    step: int, sampling: SamplingConfig | None, *, context_frames: int, predict_frames: int
) -> list[float]:
    """Return the probability of feeding the truth for each frame that a prediction may replace.

    Those are the predicted frames but the last; before them, with reverse sampling, the frames of
    the context but the first.

    >>> from tfvp.config.sampling import LinearSamplingConfig
    >>> truth_probabilities(25_000, LinearSamplingConfig(), context_frames=10, predict_frames=4)
    [0.5, 0.5, 0.5]
    """
    future = [truth_probability(step, sampling)] * (predict_frames - 1)
    if sampling and sampling.kind == "reverse":
        return [context_truth_probability(step, sampling)] * (context_frames - 1) + future
    return future


def learning_rate(step: int, training: TrainingConfig) -> float:
    """Return the learning rate of a step, a share of the optimizer's; the first step is 1.

    >>> from tfvp.config.training import TrainingConfig
    >>> training = TrainingConfig(steps=100, schedule={"kind": "cosine"})
    >>> training.optimizer.learning_rate, learning_rate(51, training)
    (0.001, 0.0005)
    """
    return training.optimizer.learning_rate * _share(step, training)


def momentum(step: int, training: TrainingConfig) -> float | None:
    """Return the momentum (beta_1 of Adam) of a step, or None if it is always the optimizer's.

    >>> momentum(1, TrainingConfig(steps=100, schedule={"kind": "one_cycle"}))
    0.95
    """
    schedule = training.schedule
    if schedule.kind != "one_cycle" or not schedule.cycle_momentum:
        return None
    low, high = schedule.base_momentum, schedule.max_momentum
    return _one_cycle(step - 1, schedule, training.steps, (high, low, high))


def _share(step: int, training: TrainingConfig) -> float:
    """Return the share of the optimizer's learning rate that step `step` gets, in [0, 1]."""
    schedule, done, steps = training.schedule, step - 1, training.steps
    if schedule.kind == "one_cycle":
        first = 1 / schedule.div_factor
        return _one_cycle(done, schedule, steps, (first, 1.0, first / schedule.final_div_factor))
    warm = min(1.0, step / schedule.warmup_steps) if schedule.warmup_steps else 1.0
    if schedule.kind == "step":
        return warm * _stepwise(done, schedule)
    if schedule.kind == "cosine":
        return warm * _cosine(done, schedule, steps)
    return warm


def _stepwise(done: int, schedule: StepRateConfig) -> float:
    """Return the share after `done` steps: a factor for every time that it was due."""
    times = done // schedule.every if schedule.every else 0
    return schedule.factor ** (times + sum(done >= at for at in schedule.at))


def _cosine(done: int, schedule: CosineRateConfig, steps: int) -> float:
    """Return the share after `done` of `steps` (Loshchilov and Hutter 2017, eq. 5, no restart)."""
    past = max(0, done - schedule.warmup_steps) / max(1, steps - schedule.warmup_steps)
    return _along_cosine(1.0, schedule.final, min(1.0, past))


def _one_cycle(
    done: int, schedule: OneCycleConfig, steps: int, through: tuple[float, float, float]
) -> float:
    """Go from the first to the second to the third value, turning at PyTorch's steps."""
    first, turn, last = through
    top, end = schedule.pct_start * steps - 1, steps - 1
    if done <= top:
        return _along_cosine(first, turn, done / top if top else 1.0)
    return _along_cosine(turn, last, min(1.0, (done - top) / (end - top)))


def _along_cosine(start: float, end: float, share: float) -> float:
    """Go from `start` at share 0 to `end` at share 1 along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
