"""The files of a run's checkpoints by their steps, for those who only look for them."""

import re
from pathlib import Path


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the file of a step's checkpoint in a folder of checkpoints.

    >>> checkpoint_path(Path("checkpoints"), 500).name
    'step-00000500.npz'
    """
    return folder / f"step-{step:08d}.npz"


def checkpoint_steps(folder: Path) -> list[int]:
    """Return the steps that have a checkpoint in a folder of checkpoints, in order.

    What is not quite written has another name, and does not count; a folder that is not there has
    none.
    """
    names = (re.fullmatch(r"step-(\d+)\.npz", path.name) for path in folder.glob("*.npz"))
    return sorted(int(name[1]) for name in names if name)
