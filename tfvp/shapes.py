"""The letters of shapes in docstrings, the value range of frames, and the check of shapes.

| letter | axis |
|---|---|
| B | clips in a batch |
| T | frames in time |
| D | frames in a window that is read at once (E3D-LSTM: 2) |
| H, W | rows and columns (of the frame, or of the patch grid inside a network) |
| C | channels |
| L | time slices of a recall history |

Frames are channels-last: a clip is (T, H, W, C), a batch (B, T, H, W, C); uint8 on disk, float32 in
[0, 1] in the graph.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""An array of the backend that Keras runs on; docstrings give shape, type and range."""


def describe(shape: Sequence[int | None]) -> str:
    """Write a shape the way messages print it; None is a free axis: `(None, 20)` -> `(?, 20)`."""
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"


def check_shape(
    name: str, shape: Sequence[int | None], expected: str, *, hint: str = "", **sizes: int | None
) -> None:
    """Raise ValueError unless `shape` has the axes named in `expected`, e.g. "B T H W 1".

    A letter stands for any size, or for the size given as a keyword (`T=20`); a number for itself.
    An axis of unknown size (None) fits everything.
    """
    axes = expected.split()
    wanted = [int(axis) if axis.isdigit() else sizes.get(axis) for axis in axes]
    fits = len(shape) == len(axes) and all(
        want is None or got is None or want == got for want, got in zip(wanted, shape, strict=True)
    )
    if not fits:
        named = ", ".join(
            axis if want is None or axis.isdigit() else f"{axis}={want}"
            for axis, want in zip(axes, wanted, strict=True)
        )
        raise ValueError(
            f"{name}: expected ({named}), got {describe(shape)}" + (f"; {hint}" if hint else "")
        )
