"""Which program wrote a file, and that program as a network knows it."""

import re
from collections.abc import Mapping
from pathlib import Path

from tfvp.errors import WeightsError
from tfvp.porting.program import Program
from tfvp.porting.safetensors import SUFFIX, is_own

FORMATS = {"tf1": "TF1", "keras2": "Keras 2", "torch": "PyTorch", "tfvp": "tfvp"}
"""Kind of file -> what messages call the program behind it."""

_TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".tar")


def format_of(source: str) -> str | None:
    """Return the kind of a file of weights by their original names; None where it is none.

    Its name says it, and of a safetensors file its head, which names us where we wrote it.
    """
    if source.endswith(SUFFIX):
        return "tfvp" if is_own(source) else "torch"
    if re.search(r"\.(index|meta|data-\d+-of-\d+)$", source) or Path(f"{source}.index").is_file():
        return "tf1"
    if source.endswith((".hdf5", ".h5")) and not source.endswith(".weights.h5"):
        return "keras2"
    return "torch" if source.endswith(_TORCH_SUFFIXES) else None


def check_no_folder(source: str) -> None:
    """Raise a WeightsError where the source is a folder: it says which file in it can be given."""
    folder = Path(source)
    if not folder.is_dir():
        return
    names = sorted(path.name for path in folder.iterdir() if _is_weights(path))
    if not names:
        raise WeightsError(f"{source} is a folder without files of weights; give such a file")
    shown = ", ".join(name.removesuffix(".index") for name in names[-3:])
    raise WeightsError(
        f"{source} is a folder of weights, not a run's; give one of the {len(names)} in it, e.g. "
        f"{shown}"
    )


def _is_weights(path: Path) -> bool:
    kind, name = format_of(str(path)), path.name
    if kind == "tf1":
        return name.endswith(".index")
    return kind is not None or name.endswith((".npz", ".keras", ".weights.h5"))


def program_of(programs: Mapping[str, Program], source: str, kind: str) -> Program:
    """Return the program that wrote a file.

    Args:
        programs: those that a network knows, by the kind of their files.
        source: the file, for the message.
        kind: of the file, a key of `FORMATS`.

    Raises:
        WeightsError: it is a folder, or the network knows no program that writes such files.
    """
    check_no_folder(source)
    if kind not in programs:
        raise WeightsError(f"{source}: no {FORMATS[kind]} program is known for this network")
    return programs[kind]
