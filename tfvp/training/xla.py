"""What is said when XLA cannot compile an update."""

import contextlib
import sys
from collections.abc import Iterator

from tfvp.errors import TrainingError

_PREAMBLE = ("Graph execution error", "Detected at", "<stack")


@contextlib.contextmanager
def xla_errors(asked_for: bool) -> Iterator[None]:
    """Turn what TensorFlow says of a failed compilation into one line with the way out.

    Args:
        asked_for: `training.xla`; without it nothing is caught.

    Raises:
        TrainingError: XLA cannot compile what is run in the context.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None or not asked_for:
        yield
        return
    kinds = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.InternalError)
    try:
        yield
    except kinds as error:
        lines = [line.strip() for line in error.message.splitlines() if line.strip()]
        reason = next((line for line in lines if not line.startswith(_PREAMBLE)), lines[0])
        raise TrainingError(
            f"training.xla: XLA cannot compile this network's update here: {reason[:300]}; set it "
            "to false"
        ) from None
