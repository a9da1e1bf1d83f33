"""PredRNN's state dicts of the authors' PyTorch program: its names, its order of axes."""

from collections.abc import Mapping

import numpy as np

from tfvp.errors import WeightsError
from tfvp.porting.fit import Shape, check_fit

# Keras' order of PyTorch's axes: kernels (out, in, rows, columns), norms (channels, rows, columns).
_ORDER = {4: (2, 3, 1, 0), 3: (1, 2, 0)}


def predrnn_weights(
    where: str, state: Mapping[str, np.ndarray], expected: Mapping[str, Shape]
) -> dict[str, np.ndarray]:
    """The weights of a `PredRNN` from the `net_param` of a released checkpoint.

    Args:
        where: the file's name, for messages.
        state: released name -> array, as the file has it.
        expected: released name -> shape of the network's variable, see `PredRNN.released_names`.

    Returns:
        Released name -> float32 array in Keras' order of axes.

    Raises:
        WeightsError: a weight is missing, left over, of another shape, or not finite.
    """
    turned = {name: _turned(where, name, value) for name, value in state.items()}
    found = {name: value.shape for name, value in turned.items()}
    decided_by = "model.hidden, model.cell, model.decouple, model.patch_px and the frame"
    check_fit(where, found, expected, decided_by)
    return {name: turned[name] for name in expected}


def _turned(where: str, name: str, value: np.ndarray) -> np.ndarray:
    value = np.asarray(value, dtype=np.float32)
    if value.ndim not in _ORDER:
        raise WeightsError(
            f"{where}: {name} has {value.ndim} axes; PredRNN of 2021 has kernels of 4 and norms of "
            "3 (the program of 2019 had biases, and is not supported)"
        )
    if not np.isfinite(value).all():
        raise WeightsError(f"{where}: {name} holds values that are not finite")
    return np.ascontiguousarray(np.transpose(value, _ORDER[value.ndim]))
