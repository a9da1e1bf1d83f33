"""A part of a network whose weights another program trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from tfvp.errors import WeightsError
from tfvp.porting.program import Program


@dataclass(frozen=True)
class PretrainedPart:
    """A layer inside a network, which takes another program's weights by itself.

    Args:
        layer: the layer, built.
        known: the programs that wrote files of it, by the kind of their files.
    """

    layer: keras.layers.Layer
    known: Mapping[str, Program]

    @property
    def weights(self) -> list[keras.Variable]:
        """Return all variables of the layer."""
        return self.layer.weights

    def programs(self) -> Mapping[str, Program]:
        """See `TakesWeights`."""
        return self.known

    def save(self, filepath: Any) -> None:
        """Refuse: a `.keras` file is of a whole network."""
        raise WeightsError(f"{filepath}: a part of a network is kept as .npz, not as .keras")
