"""The variables in a TF1 checkpoint, whatever program wrote it."""

import glob
import re
from pathlib import Path
from typing import Any

import numpy as np

from tfvp.errors import WeightsError, first_line


class TF1Variables:
    """An open checkpoint, whose variables are read one by one.

    Attributes:
        name: the prefix without its folder.
        prefix: the whole prefix.
        shapes: name of a variable -> its shape.
    """

    def __init__(self, prefix: str | Path):
        """Open a checkpoint.

        Args:
            prefix: `model.ckpt-80000`, for the files `model.ckpt-80000.index` and `.data-…`; the
                name of one of these files is understood too.

        Raises:
            WeightsError: a file is missing, or it is not a TF1 checkpoint.
        """
        prefix = Path(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", str(prefix)))
        self.prefix, self.name = prefix, prefix.name
        _check_files(prefix)
        # TensorFlow is only needed here, and takes seconds to import.
        import tensorflow as tf

        # A damaged file is one or the other of these, depending on where the damage is.
        self._damage = (tf.errors.OpError, RuntimeError, ValueError, IndexError)
        try:
            self._reader = tf.train.load_checkpoint(str(prefix))
            self.shapes: dict[str, list[int]] = self._reader.get_variable_to_shape_map()
        except self._damage as error:
            raise WeightsError(f"{prefix} is not a TF1 checkpoint: {first_line(error)}") from None

    def read(self, name: str) -> np.ndarray:
        """Return a variable's value, float32.

        Raises:
            WeightsError: it cannot be read, or is not finite.
        """
        try:
            value: Any = self._reader.get_tensor(name)
        except self._damage as error:
            raise WeightsError(f"{self.name}: {name}: {first_line(error)}") from None
        value = np.asarray(value, dtype=np.float32)
        if not np.isfinite(value).all():
            raise WeightsError(f"{self.name}: {name} holds values that are not finite")
        return value


def _check_files(prefix: Path) -> None:
    """Raise WeightsError unless all files of the checkpoint are there."""
    if prefix.is_dir():
        inside = sorted(path.stem for path in prefix.glob("*.index"))
        there = f"there are: {', '.join(inside)}" if inside else "there is none in it"
        raise WeightsError(f"{prefix} is a folder; give a checkpoint's prefix, {there}")
    index = prefix.with_name(prefix.name + ".index")
    if not index.is_file():
        raise WeightsError(
            f"{index} does not exist; expected the prefix of a TF1 checkpoint, e.g. "
            "model.ckpt-80000"
        )
    shards = list(prefix.parent.glob(f"{glob.escape(prefix.name)}.data-?????-of-?????"))
    count = int(shards[0].name[-5:]) if shards else 1
    for number in range(count):
        shard = prefix.with_name(f"{prefix.name}.data-{number:05}-of-{count:05}")
        if not shard.is_file():
            raise WeightsError(f"{shard} does not exist, but {index.name} does; copy all files")
