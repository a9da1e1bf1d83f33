"""Schedules: pure functions of the step, so that a resumed run goes on exactly."""

from tfvp.config import SamplingConfig


def truth_probability(step: int, sampling: SamplingConfig | None) -> float:
    """Probability of feeding the true frame at update `step` (the first is 1).

    start - decay_per_step * step, never below 0, and 0 from stop_step on; without scheduled
    sampling always 0. The released program lowers it before its first use: step 1 is below start.

    >>> truth_probability(25_000, SamplingConfig())
    0.5
    """
    if sampling is None or step >= sampling.stop_step:
        return 0.0
    return max(0.0, sampling.start - sampling.decay_per_step * step)
