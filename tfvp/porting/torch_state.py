"""PyTorch state dicts, read without running what is in them and without PyTorch.

A `.pt` file is a zip: `NAME/data.pkl` is a pickle that describes tensors, `NAME/data/KEY` are their
bytes. A pickle is a program; this one is run by an unpickler that knows the few names it takes to
describe tensors and refuses every other before it is looked up.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfvp.errors import WeightsError
from tfvp.shapes import describe

# Storage types and what they hold; bfloat16 is read as its upper half of a float32.
_STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype("<u2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("<i1"),
    "ByteStorage": np.dtype("<u1"),
    "BoolStorage": np.dtype("?"),
}
_BYTES_MAX = 8 * 2**30  # of one tensor; a damaged or hostile file may claim any size


@dataclass(frozen=True)
class _Type:
    """A storage's type, by name."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """Values of one type, as they lie in the file."""

    values: np.ndarray
    bfloat16: bool


class _StateDict(OrderedDict):
    """A mapping that takes and ignores the attributes (`_metadata`) that a pickle sets on it."""

    def __setstate__(self, state: Any) -> None:
        del state


def read_torch_state(path: str | Path) -> dict[str, np.ndarray]:
    """Read every tensor of a PyTorch file.

    Args:
        path: a file that `torch.save` wrote (PyTorch 1.6 or later, a zip): a state dict, or
            mappings that hold state dicts, whose keys are then joined by dots.

    Returns:
        Original name -> array, floats as float32. Values that are not tensors are left out.

    Raises:
        WeightsError: not such a file, damaged, or its pickle names anything but tensors.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            content = _Unpickler(path, archive).load()
    except WeightsError:
        raise
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    except zipfile.BadZipFile:
        raise WeightsError(
            f"{path}: not a PyTorch file of version 1.6 or later (a zip), or damaged; an older "
            "one can be saved again with a newer PyTorch"
        ) from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # a damaged pickle fails in as many ways as there are operations
        reason = (str(error).splitlines() or [""])[0]
        raise WeightsError(f"{path}: damaged: {type(error).__name__} {reason}") from None
    found = dict(_tensors(content))
    if not found:
        raise WeightsError(f"{path}: holds no tensors; expected a state dict")
    return found


class _Unpickler(pickle.Unpickler):
    """Builds arrays and plain containers, nothing else."""

    def __init__(self, path: Path, archive: zipfile.ZipFile):
        self.path = path
        self.archive = archive
        names = [name for name in archive.namelist() if name.split("/")[1:] == ["data.pkl"]]
        if len(names) != 1:
            raise WeightsError(f"{path}: a zip, but not of PyTorch: it has no data.pkl")
        self.root = names[0].removesuffix("data.pkl")
        order = f"{self.root}byteorder"
        if order in archive.namelist() and archive.read(order).strip() != b"little":
            raise WeightsError(f"{path}: written on a big-endian machine, which is not supported")
        super().__init__(io.BytesIO(archive.read(names[0])))

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for one of the few names that describe tensors; refuses every other."""
        if (module, name) == ("collections", "OrderedDict"):
            return _StateDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuild_parameter
        if module == "torch" and name in _STORAGES:
            return _Type(name)
        raise WeightsError(
            f"{self.path}: refused, its pickle asks for {module}.{name}, which is not part of a "
            "state dict; nothing of it was run. Save model.state_dict() alone"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        """The values that a ("storage", type, key, device, count) stands for."""
        _, kind, key, _, count = pid
        dtype = _STORAGES[kind.name]
        entry = self.archive.getinfo(f"{self.root}data/{key}")
        if entry.file_size != count * dtype.itemsize or entry.file_size > _BYTES_MAX:
            raise WeightsError(
                f"{self.path}: damaged: tensor data {key} has {entry.file_size} bytes, expected "
                f"{count} of {dtype.itemsize}"
            )
        values = np.frombuffer(self.archive.read(entry), dtype)
        return _Storage(values, kind.name == "BFloat16Storage")


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, stride: Any, *_: Any) -> np.ndarray:
    """An array of its own from a view of a storage; any view that leaves it is an error."""
    shape, stride = tuple(map(int, shape)), tuple(map(int, stride))
    values = storage.values
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    size = int(np.prod(shape, dtype=object)) if shape else 1
    inside = min((offset, *shape, *stride)) >= 0 and (size == 0 or last < len(values))
    if not inside or size > len(values):
        raise ValueError(f"a tensor of shape {describe(shape)} reaches beyond its data")
    if size == 0:
        view = np.zeros(shape, values.dtype)
    else:
        steps = [step * values.itemsize for step in stride]
        view = np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False)
    if storage.bfloat16:
        return (view.astype(np.uint32) << 16).view(np.float32)
    return view.astype(np.float32) if view.dtype.kind == "f" else view.copy()


def _rebuild_parameter(tensor: np.ndarray, *_: Any) -> np.ndarray:
    return tensor


def _tensors(content: Any, prefix: str = "") -> Any:
    """Every array in nested mappings, with its name."""
    if isinstance(content, np.ndarray):
        yield prefix.removesuffix("."), content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _tensors(value, f"{prefix}{key}.")
