"""Run as a process of its own: what `tfvp` does where TensorFlow cannot be imported.

Usage: KERAS_BACKEND=jax python -m tests.helpers.without_tensorflow ARGUMENTS...
ARGUMENTS are those of `tfvp run` without stages. It trains and evaluates, prepares data,
then tries what needs TensorFlow; each exit code is printed.
"""

import sys

sys.modules["tensorflow"] = None  # pyright: ignore[reportArgumentType], an import of it fails

from tests.profiling.test_profile import SMALL  # noqa: E402
from tfvp.cli.main import main  # noqa: E402

if __name__ == "__main__":
    arguments = sys.argv[1:]
    mirrored = ("--set", "training.distribution=mirrored")
    small = [f"--set={change}" for change in SMALL]
    codes = {
        "train": main([*arguments, "--stages", "train,evaluate"]),
        "export": main([*arguments, "--stages", "export"]),
        "prepare": main([*arguments, "--stages", "prepare", "--set", "data.seed=1"]),
        "mirrored": main([*arguments, "--name", "x", "--stages", "train", *mirrored]),
        "profile": main(["profile", "--config", "simple_lstm", "--steps", "1", *small]),
    }
    print(f"codes: {codes}")
    assert not [name for name in sys.modules if name.startswith("tensorflow.")]
