"""Keeps the best validation so far, and for how long none was better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from tfvp.config.training import EarlyStoppingConfig


class Best(NamedTuple):
    """The best validation so far; a checkpoint holds it under "best/"."""

    step: int
    value: float
    metric: str
    reference: float  # the last value that was better by more than early stopping's min_change
    waited: int  # validations since that one

    @classmethod
    def of(cls, state: dict[str, np.ndarray]) -> "Best | None":
        """Return the best validation that a checkpoint's state holds, or None if it holds none."""
        if not all(f"best/{name}" in state for name in cls._fields):
            return None
        return cls(*(state[f"best/{name}"].item() for name in cls._fields))

    def state(self) -> dict[str, np.ndarray]:
        """Return the entries of a checkpoint's state, see `of`."""
        return {f"best/{name}": np.asarray(value) for name, value in self._asdict().items()}

    def is_final(self, stopping: EarlyStoppingConfig | None) -> bool:
        """Return whether nothing better came for so long that training should end."""
        return stopping is not None and self.waited >= stopping.patience


@dataclass(frozen=True)
class Validation:
    """The measurement of weights on the validation split, and the metric that decides.

    Args:
        measure: measures the weights as they are; it returns means over clips and frames by
            metric, and pictures (PNG) by tag.
        metric: decides which checkpoint is the best.
        better: whether lower or higher values of the metric are better.
    """

    measure: Callable[[], tuple[dict[str, float], dict[str, bytes]]]
    metric: str
    better: Literal["lower", "higher"]

    def judge(
        self, best: Best | None, step: int, value: float, stopping: EarlyStoppingConfig | None
    ) -> Best:
        """Return the best after a validation; of equal values the earlier one stays the best.

        A validation by another metric than the best before it (changed by --force) is the first of
        its kind.

        Args:
            best: the best of the validations before; None: there was none.
            step: the step that was validated.
            value: the metric's value, a mean over clips and frames.
            stopping: says by how much a value must be better to keep training alive.
        """
        if best is None or best.metric != self.metric:
            return Best(step, value, self.metric, value, 0)
        sign = 1 if self.better == "higher" else -1
        if sign * (value - best.value) > 0:
            best = best._replace(step=step, value=value)
        if sign * (value - best.reference) > (stopping.min_change if stopping else 0.0):
            return best._replace(reference=value, waited=0)
        return best._replace(waited=best.waited + 1)
