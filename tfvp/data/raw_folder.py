"""Where a dataset's raw files are looked for."""

import os
from pathlib import Path

from tfvp.errors import DataError


class NoRawData(DataError):
    """There are no raw data of the kind; whatever was prepared from them before can still serve."""


def raw_root(root: Path | None) -> Path | None:
    """Return the folder of raw data: data.root, or $TFVP_DATA; None when neither is set."""
    if root is None and not os.environ.get("TFVP_DATA"):
        return None
    return (root or Path(os.environ["TFVP_DATA"])).expanduser()


def raw_folder(root: Path | None, name: str, advice: str) -> Path:
    """Return `<root>/<name>`; root is data.root, or $TFVP_DATA when that is None.

    Args:
        root: data.root.
        name: the dataset's folder.
        advice: where to get the dataset and what is read, for the error.

    Raises:
        NoRawData: there is no such folder.
    """
    place = raw_root(root)
    if place is None:
        raise NoRawData(f"neither data.root nor TFVP_DATA is set; {advice}")
    folder = place / name
    if not folder.is_dir():
        raise NoRawData(f"{folder}: no such folder; {advice}")
    return folder
