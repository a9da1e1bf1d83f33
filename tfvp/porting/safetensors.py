"""Weights as safetensors files, which hold arrays by name and nothing that could be run."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from tfvp.errors import WeightsError, first_line
from tfvp.system.files import write_bytes

SUFFIX = ".safetensors"
_FORMAT, _OURS = "format", "tfvp"  # in the head of a file, where PyTorch's say "pt"


def is_own(path: str | Path) -> bool:
    """Return whether we wrote a file, under our own names; False too where it cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get(_FORMAT) == _OURS
    except (OSError, SafetensorError):
        return False


def read_safetensors(path: str | Path) -> dict[str, np.ndarray]:
    """Read every tensor of a file, by its name.

    Raises:
        WeightsError: the file is missing or damaged, or holds types that NumPy has not.
    """
    try:
        return parse_safetensors(Path(path).read_bytes(), str(path))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse_safetensors(content: bytes, where: str) -> dict[str, np.ndarray]:
    """Read the bytes of a file; `where` names it in messages. Raises as `read_safetensors`."""
    try:
        return load(content)
    except SafetensorError as error:
        raise WeightsError(f"{where}: not a safetensors file, or damaged: {error}") from None
    except KeyError as error:  # bfloat16 and the 8-bit floats
        raise WeightsError(
            f"{where}: holds numbers of the type {error.args[0]}; save them as float32 (F32)"
        ) from None
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{where}: damaged: {first_line(error)}") from None


def write_safetensors(
    path: Path, weights: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write arrays by name, whole or not at all, with texts about them in the file's head."""
    # The library writes the bytes as they lie in memory, whatever the order of the axes.
    arrays = {name: np.ascontiguousarray(value) for name, value in weights.items()}
    write_bytes(path, save(arrays, {_FORMAT: _OURS, **metadata}))
