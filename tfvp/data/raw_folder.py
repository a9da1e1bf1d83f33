"""Where a dataset's raw files are looked for."""

import os
from pathlib import Path

from tfvp.errors import DataError


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
        DataError: there is no such folder.
    """
    place = raw_root(root)
    if place is None:
        raise DataError(f"neither data.root nor TFVP_DATA is set; {advice}")
    folder = place / name
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; {advice}")
    return folder
