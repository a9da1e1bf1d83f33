"""Another program's weight files, as one network takes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

from tfvp.errors import WeightsError
from tfvp.shapes import describe

Taker = tuple[keras.Variable, Callable[[np.ndarray], np.ndarray]]
"""A variable of ours, and the function from the original array to its value."""

WeightNames = dict[str, tuple[Taker, ...]]
"""Original name -> the variables that take their values from it."""

AVERAGED = "training.init.weights: averaged"
OPTIMIZER = "training.init.optimizer: true (which --init-optimizer sets)"
"""The keys that ask for more than weights, for messages."""


@dataclass(frozen=True)
class Source:
    """What was read from a file, beside what the network can take.

    Args:
        values: original name -> array, of everything in the file that could be a weight.
        names: original name -> takers, of every weight of the network.
        aside: names of `values` that need no counterpart -> the reason.
    """

    values: Mapping[str, np.ndarray]
    names: WeightNames
    aside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OptimizerState:
    """Adam's state in a checkpoint: moments and averages by the original name of their weight."""

    steps_done: int
    first_moments: Mapping[str, np.ndarray]
    second_moments: Mapping[str, np.ndarray]
    averages: Mapping[str, np.ndarray] = field(default_factory=dict)


class Program:
    """A program that wrote weight files of one network, under its own names.

    Args:
        names: original name -> takers, of every weight of the network, in the program's order.
    """

    def __init__(self, names: WeightNames):
        self.names = names

    @property
    def variables(self) -> dict[str, keras.Variable]:
        """Map the original name of every weight to the (first) variable of ours that takes it."""
        return {name: takers[0][0] for name, takers in self.names.items()}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Map the original name of every weight to the shape of our variable."""
        return {name: tuple(variable.shape) for name, variable in self.variables.items()}

    def everything(self, source: str, kernels: str = "auto") -> Source:
        """Read all that a file holds, to account for every name.

        Args:
            source: the file, or the prefix of a checkpoint.
            kernels: whose convolution a Keras 2 file was trained with.

        Raises:
            WeightsError: it cannot be read, or is not of this program.
        """
        raise NotImplementedError

    def weights(
        self, source: str, *, averaged: bool = False, kernels: str = "auto"
    ) -> list[tuple[keras.Variable, np.ndarray]]:
        """Read the value of every weight of the network, no more and no less.

        Args:
            source: as for `everything`.
            averaged: read their exponential averages, where the program keeps any.
            kernels: as for `everything`.

        Raises:
            WeightsError: it cannot be read, does not fit, or holds no averages.
        """
        if averaged:
            raise only_weights(source, AVERAGED)
        read = self.everything(source, kernels)
        missing = [name for name in read.names if name not in read.values]
        left = [name for name in read.values if name not in {*read.names, *read.aside}]
        if missing or left:
            what = (
                f"has no {missing[0]}" if missing else f"has {left[0]}, which the network has not"
            )
            raise WeightsError(
                f"{source}: {what} ({len(missing)} missing, {len(left)} left over); use the "
                "configuration it was trained with, or tfvp import --partial"
            )
        return take_all(read)

    def optimizer_state(self, source: str, trained: list[str]) -> OptimizerState:
        """Read the optimizer's state for the weights that will be trained, by their original names.

        Raises:
            WeightsError: it holds none, or it does not fit.
        """
        del trained
        raise only_weights(source, OPTIMIZER)


class TakesWeights(Protocol):
    """What importing needs of a network; a `VideoPredictor` has it."""

    @property
    def weights(self) -> list[keras.Variable]:
        """Return all its variables."""
        ...

    def programs(self) -> Mapping[str, Program]:
        """Return the programs whose files it can read, by the kind of the files."""
        ...

    def save(self, filepath: Any) -> None:
        """Write it as a `.keras` file."""
        ...


def only_weights(source: str, asked: str) -> WeightsError:
    """Return the error for a request of more than weights from a file that holds them alone.

    Args:
        source: the file.
        asked: one of `AVERAGED` and `OPTIMIZER`, what was asked for.
    """
    return WeightsError(
        f"{source}: only the weights are taken of such a file, but {asked} asks for more"
    )


def take_all(read: Source) -> list[tuple[keras.Variable, np.ndarray]]:
    """Return our variables with their new values, where the file has them.

    Raises:
        WeightsError: a shape differs, or a value is not finite.
    """
    return [
        (taker[0], _take(name, read.values[name], taker))
        for name, takers in read.names.items()
        if name in read.values
        for taker in takers
    ]


def _take(name: str, value: np.ndarray, taker: Taker) -> np.ndarray:
    variable, function = taker
    try:
        taken = function(value)
    except (ValueError, IndexError):  # it has not even as many axes
        taken = None
    if taken is None or taken.shape != tuple(variable.shape):
        fitted = describe(value.shape if taken is None else taken.shape)
        turned = "" if fitted == describe(value.shape) else f", in our order {fitted}"
        raise WeightsError(
            f"{name} has the shape {describe(value.shape)}{turned}, the configuration makes "
            f"{variable.path} {describe(variable.shape)}; use the configuration it was trained with"
        )
    if not np.isfinite(taken).all():
        raise WeightsError(f"{name} holds values that are not finite")
    return taken
