"""PyTorch state dicts, read without running what is in them and without PyTorch.

A `.pt` file is a zip: `NAME/data.pkl` is a pickle that describes tensors, `NAME/data/KEY` are their
bytes. Before PyTorch 1.6 it was a sequence: pickles of a magic number, a version and the machine,
the pickle that describes tensors, one of the keys of their bytes, and for each key a count and the
bytes. A pickle is a program; these are run by an unpickler that knows the few names it takes to
describe tensors and refuses every other before it is looked up.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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
_LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # how a file before PyTorch 1.6 begins


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
        path: a file that `torch.save` wrote, of any version: a state dict, or mappings that hold
            state dicts, whose keys are then joined by dots.

    Returns:
        Original name -> array, floats as float32. Values that are not tensors are left out.

    Raises:
        WeightsError: not such a file, damaged, or its pickle names anything but tensors.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = _legacy_content(path, file) if _is_legacy(file) else _content(path, file)
    except WeightsError:
        raise
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    except zipfile.BadZipFile:
        raise WeightsError(
            f"{path}: not a PyTorch file (a zip, or pickles before version 1.6), or damaged"
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


def _content(path: Path, file: IO[bytes]) -> Any:
    """Return what a zip holds."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.split("/")[1:] == ["data.pkl"]]
        if len(names) != 1:
            raise WeightsError(f"{path}: a zip, but not of PyTorch: it has no data.pkl")
        root = names[0].removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in archive.namelist() and archive.read(order).strip() != b"little":
            raise WeightsError(f"{path}: written on a big-endian machine, which is not supported")

        def values_of(key: str, dtype: np.dtype, count: int) -> np.ndarray:
            entry = archive.getinfo(f"{root}data/{key}")
            if entry.file_size != count * dtype.itemsize or entry.file_size > _BYTES_MAX:
                raise WeightsError(
                    f"{path}: damaged: tensor data {key} has {entry.file_size} bytes, expected "
                    f"{count} of {dtype.itemsize}"
                )
            return np.frombuffer(archive.read(entry), dtype)

        return _Unpickler(path, io.BytesIO(archive.read(names[0])), values_of).load()


def _is_legacy(file: IO[bytes]) -> bool:
    """Return whether a file begins as those before PyTorch 1.6; it is left at its beginning."""
    begins = file.read(len(_LEGACY))
    file.seek(0)
    return begins == _LEGACY


def _legacy_content(path: Path, file: IO[bytes]) -> Any:
    """Return what a file before PyTorch 1.6 holds; bytes follow the pickle, which is read twice."""
    size = path.stat().st_size
    kinds: dict[str, tuple[np.dtype, int]] = {}
    values: dict[str, np.ndarray] = {}

    def note(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        if not 0 <= count * dtype.itemsize <= size:
            raise WeightsError(f"{path}: damaged: tensor data {key} would be larger than the file")
        kinds[key] = dtype, count
        return np.zeros(count, dtype)

    def unpickle(values_of: Callable[..., np.ndarray]) -> Any:
        return _Unpickler(path, file, values_of).load()

    *_, system = [unpickle(note) for _ in range(3)]  # the magic number, the version, the machine
    if not system["little_endian"]:
        raise WeightsError(f"{path}: written on a big-endian machine, which is not supported")
    described = file.tell()
    unpickle(note)
    for key in unpickle(note):
        dtype, count = kinds[key]
        (found,) = np.frombuffer(file.read(8), "<i8")
        if found != count:
            raise WeightsError(
                f"{path}: damaged: tensor data {key} has {found} values, expected {count}"
            )
        values[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    file.seek(described)
    return unpickle(lambda key, dtype, count: values[key])


class _Unpickler(pickle.Unpickler):
    """Builds arrays and plain containers, nothing else.

    Args:
        path: of the file, for messages.
        pickled: where the pickle begins.
        values_of: the values of a storage, by its key, their type and how many.
    """

    def __init__(self, path: Path, pickled: IO[bytes], values_of: Callable[..., np.ndarray]):
        super().__init__(pickled)
        self.path = path
        self.values_of = values_of

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for one of the names that describe tensors; refuse every other."""
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
        """Return what a ("storage", type, key, device, count) stands for; old ones add None."""
        _, kind, key, _, count, *view = pid
        if any(view):
            raise WeightsError(f"{self.path}: holds a view of a storage, which is not supported")
        values = self.values_of(key, _STORAGES[kind.name], count)
        return _Storage(values, kind.name == "BFloat16Storage")


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, stride: Any, *_: Any) -> np.ndarray:
    """Copy a view of a storage to an array; any view that leaves it is an error."""
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
    """Return every array in nested mappings, with its name."""
    if isinstance(content, np.ndarray):
        yield prefix.removesuffix("."), content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _tensors(value, f"{prefix}{key}.")
