"""Which program wrote a file, and that program as a network knows it."""

from collections.abc import Mapping
from pathlib import Path

from tfvp.errors import WeightsError
from tfvp.porting.program import Program

FORMATS = {"tf1": "TF1", "keras2": "Keras 2", "torch": "PyTorch"}
"""Kind of file -> what messages call the program behind it."""

_TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".tar")


def format_of(source: str) -> str | None:
    """Return the kind of another program's file, by its name; None where it is none."""
    if source.endswith((".index", ".meta")) or Path(f"{source}.index").is_file():
        return "tf1"
    if source.endswith((".hdf5", ".h5")) and not source.endswith(".weights.h5"):
        return "keras2"
    return "torch" if source.endswith(_TORCH_SUFFIXES) else None


def program_of(programs: Mapping[str, Program], source: str, kind: str) -> Program:
    """Return the program that wrote a file.

    Args:
        programs: those that a network knows, by the kind of their files.
        source: the file, for the message.
        kind: of the file, a key of `FORMATS`.

    Raises:
        WeightsError: the network knows no program that writes such files.
    """
    if kind not in programs:
        raise WeightsError(f"{source}: no {FORMATS[kind]} program is known for this network")
    return programs[kind]
