"""Finds the folder in which a dataset's raw files are looked for."""

import os
from pathlib import Path

from tfvp.errors import DataError


class NoRawData(DataError):
    """The raw data are not there; data that were prepared from them before can still be used."""


def raw_root(root: Path | None) -> Path | None:
    """Return the folder of raw data: data.root, or $TFVP_DATA; None when neither is set."""
    if root is None and not os.environ.get("TFVP_DATA"):
        return None
    return (root or Path(os.environ["TFVP_DATA"])).expanduser()


def raw_folder(root: Path | None, name: str, advice: str) -> Path:
    """Return a dataset's folder of raw data, `<root>/<name>`.

    Args:
        root: data.root; None: $TFVP_DATA.
        name: the dataset's folder.
        advice: where to get the dataset and which files are read, for the error.

    Raises:
        NoRawData: there is no such folder, or no root is set.
    """
    place = raw_root(root)
    if place is None:
        raise NoRawData(f"neither data.root nor TFVP_DATA is set; {advice}")
    folder = place / name
    if not folder.is_dir():
        raise NoRawData(f"{folder}: no such folder; {advice}")
    return folder
