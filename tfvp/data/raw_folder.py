"""Where a dataset's raw files are looked for."""

import os
from pathlib import Path

from tfvp.errors import DataError


def raw_folder(root: Path | None, name: str, advice: str) -> Path:
    """Return `<root>/<name>`; root is data.root, or $TFVP_DATA when that is None.

    Args:
        root: data.root.
        name: the dataset's folder.
        advice: where to get the dataset and what is read, for the error.

    Raises:
        DataError: there is no such folder.
    """
    if root is None:
        if not os.environ.get("TFVP_DATA"):
            raise DataError(f"neither data.root nor TFVP_DATA is set; {advice}")
        root = Path(os.environ["TFVP_DATA"])
    folder = root.expanduser() / name
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; {advice}")
    return folder
