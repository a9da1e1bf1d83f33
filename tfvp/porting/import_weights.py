"""Imports another program's weights into a file of ours and accounts for every name."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tfvp.errors import WeightsError
from tfvp.porting.own_program import programs_of
from tfvp.porting.program import Source, TakesWeights, take_all
from tfvp.porting.read import format_of, program_of
from tfvp.shapes import describe
from tfvp.system.files import creating


@dataclass(frozen=True)
class Row:
    """A line of the account: a name there and one of ours; where a side has none it is empty."""

    original: str
    ours: str
    shape: str
    note: str = ""


@dataclass(frozen=True)
class Imported:
    """What was imported: the account, and the number of names left over on either side."""

    rows: tuple[Row, ...]
    unmatched: int


def import_weights(
    predictor: TakesWeights,
    source: str | Path,
    out: str | Path,
    *,
    partial: bool = False,
    kernels: str = "auto",
) -> Imported:
    """Put another program's weights into a network and save it.

    Args:
        predictor: a network that knows the other program's names.
        source: the prefix of a TF1 checkpoint, a Keras 2 file (`.hdf5`, `.h5`), a safetensors file
            (PyTorch's names or ours), or a PyTorch file of any other name.
        out: a new file: `.npz` (for --init-from) or `.keras`.
        partial: accept names that are left over on either side (a Keras 2 file's weights are told
            by their order, so they are there all or not at all).
        kernels: whose convolution a Keras 2 file was trained with: auto, tensorflow or theano.

    Raises:
        WeightsError: the source cannot be read, a shape differs, names are left over without
            `partial`, or `out` is there already; nothing is written.
    """
    out = Path(out)
    _check_out(out)
    program = program_of(programs_of(predictor), str(source), format_of(str(source)) or "torch")
    read = program.everything(str(source), kernels)
    filled = take_all(read)
    rows, unmatched = _account(predictor, read, {id(variable) for variable, _ in filled})
    if unmatched and not partial:
        raise WeightsError(
            f"{source}: {len(unmatched)} names have no counterpart, e.g. {_examples(unmatched)}; "
            "use the configuration it was trained with, or --partial to leave them out"
        )
    if not filled:
        raise WeightsError(f"{source}: not one of its names belongs to this network")
    for variable, value in filled:
        variable.assign(value)
    _save(predictor, out)
    return Imported(tuple(rows), len(unmatched))


def _check_out(out: Path) -> None:
    if out.suffix not in (".npz", ".keras"):
        raise WeightsError(f"--out {out}: expected a name that ends in .npz or .keras")
    if out.exists():
        raise WeightsError(f"--out {out}: is there already; give another name or remove it")


def _account(
    predictor: TakesWeights, read: Source, filled: set[int]
) -> tuple[list[Row], list[str]]:
    """Return a row for every name on either side, and the names without a counterpart."""
    rows, unmatched = [], []
    for name, value in read.values.items():
        for variable, _ in read.names.get(name, ()):
            rows.append(Row(name, variable.path, describe(variable.shape)))
        if name not in read.names:
            rows.append(Row(name, "", describe(value.shape), read.aside.get(name, "left over")))
            unmatched += [] if name in read.aside else [name]
    for weight in predictor.weights:
        if id(weight) not in filled:
            rows.append(Row("", weight.path, describe(weight.shape), "stays as initialised"))
            unmatched.append(weight.path)
    return rows, unmatched


def _examples(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:3])


def _save(predictor: TakesWeights, out: Path) -> None:
    """Write the network to a new file, whole or not at all."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with creating(out) as temporary:
            if out.suffix == ".keras":
                predictor.save(temporary)
            else:
                convert = keras.ops.convert_to_numpy
                state = {f"weights/{w.path}": convert(w) for w in predictor.weights}
                np.savez(temporary, step=np.asarray(0), **state)  # pyright: ignore[reportArgumentType]
    except OSError as error:
        raise WeightsError(f"--out {out}: cannot be written: {error.strerror or error}") from None
