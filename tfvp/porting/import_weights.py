"""Weights of another program into a file of ours, with an account of every name on either side."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tfvp.errors import WeightsError
from tfvp.porting.initial import is_tf1_checkpoint
from tfvp.porting.tf1_checkpoint import TF1Checkpoint
from tfvp.porting.torch_state import read_torch_state
from tfvp.shapes import describe

# What a core offers: original name -> our variable and the axes that turn theirs into ours (None:
# as they are), and the names that the original program saves but never uses.
Names = Mapping[str, tuple[keras.Variable, tuple[int, ...] | None]]


@dataclass(frozen=True)
class Row:
    """One line of the account; where a side has nothing, its name is empty."""

    original: str
    ours: str
    shape: str
    note: str = ""


@dataclass(frozen=True)
class Imported:
    """What was imported and what was left over."""

    rows: tuple[Row, ...]
    unmatched: int


def import_weights(
    predictor: keras.Model, source: str | Path, out: str | Path, *, partial: bool = False
) -> Imported:
    """Put another program's weights into a network and save it.

    Args:
        predictor: a network whose core knows the other program's names.
        source: the prefix of a TF1 checkpoint, or a PyTorch file (`.pt`, `.pth`, `.ckpt`, `.tar`).
        out: a new file: `.npz` (for --init-from) or `.keras`.
        partial: accept names that are left over on either side.

    Raises:
        WeightsError: the source cannot be read, a shape differs, names are left over without
            `partial`, or `out` is there already; nothing is written.
    """
    out = Path(out)
    if out.suffix not in (".npz", ".keras"):
        raise WeightsError(f"--out {out}: expected a name that ends in .npz or .keras")
    if out.exists():
        raise WeightsError(f"--out {out}: is there already; give another name or remove it")
    values, names, unused = _read(predictor, str(source))
    rows, unmatched = _account(predictor, values, names, unused)
    if unmatched and not partial:
        raise WeightsError(
            f"{source}: {len(unmatched)} names have no counterpart, e.g. {_examples(unmatched)}; "
            "use the configuration it was trained with, or --partial to leave them out"
        )
    if not any(row.original and row.ours for row in rows):
        raise WeightsError(f"{source}: not one of its names belongs to this network")
    for name, (variable, axes) in names.items():
        if name in values:
            variable.assign(_turned(values[name], axes))
    _save(predictor, out)
    return Imported(tuple(rows), len(unmatched))


def _read(
    predictor: keras.Model, source: str
) -> tuple[Mapping[str, np.ndarray], Names, frozenset[str]]:
    """The source's values, the core's names for that program, and names that need no counterpart.

    Raises:
        WeightsError: the network has no names in that program.
    """
    core = predictor.core
    if is_tf1_checkpoint(source):
        if not hasattr(core, "released_names"):
            raise WeightsError(f"{source}: no TF1 program is known for this network")
        names = {name: (variable, None) for name, variable in core.released_names().items()}
        return TF1Checkpoint(source).every_weight(), names, frozenset()
    values = read_torch_state(source)
    if not hasattr(core, "torch_names"):
        raise WeightsError(f"{source}: no PyTorch program is known for this network")
    unused = frozenset(name for name in values if core.unused_torch_name(name))
    return values, core.torch_names(), unused


def _account(
    predictor: keras.Model,
    values: Mapping[str, np.ndarray],
    names: Names,
    unused: frozenset[str],
) -> tuple[list[Row], list[str]]:
    """A row for every name on either side, and the names that have no counterpart."""
    rows, unmatched = [], []
    for name, value in values.items():
        if name in names:
            variable, axes = names[name]
            _check_shape(name, value, variable, axes)
            rows.append(Row(name, variable.path, describe(variable.shape)))
        else:
            note = "not used by its program" if name in unused else "left over"
            rows.append(Row(name, "", describe(value.shape), note))
            unmatched += [] if name in unused else [name]
    filled = {id(variable) for name, (variable, _) in names.items() if name in values}
    for weight in predictor.weights:
        if id(weight) not in filled:
            rows.append(Row("", weight.path, describe(weight.shape), "stays as initialised"))
            unmatched.append(weight.path)
    return rows, unmatched


def _turned(value: np.ndarray, axes: tuple[int, ...] | None) -> np.ndarray:
    return value if axes is None else np.transpose(value, axes)


def _check_shape(
    name: str, value: np.ndarray, variable: keras.Variable, axes: tuple[int, ...] | None
) -> None:
    fits = axes is None or len(axes) == value.ndim
    if not fits or _turned(value, axes).shape != tuple(variable.shape):
        raise WeightsError(
            f"{name} has the shape {describe(value.shape)}, the configuration makes "
            f"{variable.path} {describe(variable.shape)}{' with its axes turned' if axes else ''}; "
            "use the configuration it was trained with"
        )
    if not np.isfinite(value).all():
        raise WeightsError(f"{name} holds values that are not finite")


def _examples(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:3])


def _save(predictor: keras.Model, out: Path) -> None:
    """Write the network under a temporary name, then rename."""
    half_written = out.with_name(f".{out.stem}.{os.getpid()}.new{out.suffix}")
    try:
        if out.suffix == ".keras":
            predictor.save(half_written)
        else:
            state = {f"weights/{w.path}": keras.ops.convert_to_numpy(w) for w in predictor.weights}
            with half_written.open("wb") as file:
                np.savez(file, step=np.asarray(0), **state)  # pyright: ignore[reportArgumentType]
        half_written.rename(out)
    except OSError as error:
        raise WeightsError(f"--out {out}: cannot be written: {error.strerror or error}") from None
    finally:
        half_written.unlink(missing_ok=True)
