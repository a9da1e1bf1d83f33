"""A network's weights as they are kept beside its numbers: in half precision, where small."""

import io
from collections.abc import Mapping
from typing import Literal

import numpy as np

WEIGHTS = "weights.npz"
MOST_BYTES = 4_000_000  # larger files are not in git
_PREFIX = "weights/"


def half_precision(state: Mapping[str, np.ndarray], kind: Literal["weights", "average"]) -> bytes:
    """Make a file for `--init-from` of a checkpoint's weights, about a sixth of its size.

    Args:
        state: the arrays of a checkpoint by name.
        kind: as trained, or their average; what has none is kept as trained.

    Returns:
        A compressed .npz with "step" and "weights/…" in float16. What is no real number, or is too
        large for a float16, stays as it is.
    """
    trained = (name.removeprefix(_PREFIX) for name in state if name.startswith(_PREFIX))
    chosen = {name: state.get(f"{kind}/{name}", state[_PREFIX + name]) for name in trained}
    file = io.BytesIO()
    halves = {_PREFIX + name: _half(value) for name, value in chosen.items()}
    arrays = {"step": state["step"], **halves}
    np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
    return file.getvalue()


def _half(value: np.ndarray) -> np.ndarray:
    if value.dtype.kind != "f" or np.abs(value).max(initial=0) > np.finfo(np.float16).max:
        return value
    return value.astype(np.float16)
