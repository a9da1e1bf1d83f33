"""Run as a process of its own: the operations of small networks' predictions, counted under JAX.

Usage: KERAS_BACKEND=jax python -m tests.helpers.jax_operations NAME...; a NAME is one of the
contract of networks. It fails where JAX compiled a convolution or a product to count them.
"""

import json
import logging
import sys

import jax

from tests.contracts.test_models import CONTEXT, HORIZON, experiment
from tfvp.models.build import build_model
from tfvp.models.cost import prediction_operations


class Compiled(logging.Handler):
    """Collects what JAX says that it compiles."""

    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def counted(name: str) -> float:
    """The operations of one network."""
    network = build_model(experiment(name))
    heard, log = Compiled(), logging.getLogger("jax")
    log.addHandler(heard)
    with jax.log_compiles():
        found = prediction_operations(network, network.context_frames or CONTEXT, HORIZON)
    log.removeHandler(heard)
    large = [x for x in heard.lines if "XLA compilation" in x and ("conv" in x or "dot" in x)]
    assert not large, large
    return found


if __name__ == "__main__":
    print(json.dumps({name: counted(name) for name in sys.argv[1:]}))
