"""Which validation is the best so far, and for how long none was better."""

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
        """What a checkpoint says."""
        if not all(f"best/{name}" in state for name in cls._fields):
            return None
        return cls(*(state[f"best/{name}"].item() for name in cls._fields))

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint is to say."""
        return {f"best/{name}": np.asarray(value) for name, value in self._asdict().items()}

    def is_final(self, stopping: EarlyStoppingConfig | None) -> bool:
        """Whether nothing better came for so long that training should end."""
        return stopping is not None and self.waited >= stopping.patience


@dataclass(frozen=True)
class Validation:
    """What is measured on the validation split.

    Args:
        measure: measures the weights as they are; gives means over clips and frames by metric, and
            pictures (PNG) by tag.
        metric: that decides which checkpoint is the best.
        better: which of its values are.
    """

    measure: Callable[[], tuple[dict[str, float], dict[str, bytes]]]
    metric: str
    better: Literal["lower", "higher"]

    def judge(
        self, best: Best | None, step: int, value: float, stopping: EarlyStoppingConfig | None
    ) -> Best:
        """The best after a validation at `step`; equal values keep the earlier one.

        One of another metric than the best before it (changed by --force) is the first of its kind.
        """
        if best is None or best.metric != self.metric:
            return Best(step, value, self.metric, value, 0)
        sign = 1 if self.better == "higher" else -1
        if sign * (value - best.value) > 0:
            best = best._replace(step=step, value=value)
        if sign * (value - best.reference) > (stopping.min_change if stopping else 0.0):
            return best._replace(reference=value, waited=0)
        return best._replace(waited=best.waited + 1)
