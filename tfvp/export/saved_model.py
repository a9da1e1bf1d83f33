"""Networks as files: a SavedModel, compared in a fresh process before it counts, and .keras."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tfvp.errors import RunError
from tfvp.models.base import VideoPredictor
from tfvp.system.files import replacing

TOLERANCE = 1e-5

# Runs in a process of its own that never imports tfvp: what is exported must stand alone.
_COMPARE = """
import sys
import numpy as np
import tensorflow as tf

folder, numbers = sys.argv[1:]
model = tf.saved_model.load(folder)
numbers = np.load(numbers, allow_pickle=False)
worst = 0.0
for name in numbers.files:
    if not name.startswith("context"):
        continue
    signature = "serving_uint8" if numbers[name].dtype == np.uint8 else "serving_default"
    answer = model.signatures[signature](tf.constant(numbers[name]))["predictions"].numpy()
    wanted = numbers[name.replace("context", "predictions")]
    assert answer.shape == wanted.shape and answer.dtype == wanted.dtype, (name, answer.shape)
    difference = np.abs(answer.astype("float64") - wanted.astype("float64"))
    if answer.dtype == np.uint8:
        # now and then a value lies on the edge between two levels and may fall on either side
        rounding = difference.max() <= 1 and (difference > 0).mean() < 1e-3
        worst = max(worst, 0.0 if rounding else difference.max())
    else:
        worst = max(worst, difference.max())
print(f"WORST {worst:.9g}")
"""


def export_saved_model(predictor: VideoPredictor, horizon: int, folder: Path) -> float:
    """Export a network to `folder`; returns the largest difference after reloading it.

    Signatures `serving_default` (float32 in [0, 1]) and `serving_uint8` take context frames
    (B, T, H, W, C) with B free, and T where the network takes any, and give {"predictions": (B,
    horizon, H, W, C)}, unclipped as float32, clipped and rounded as uint8.

    An export of ours that is there already is replaced once the new one has been compared.

    Raises:
        RunError: the reloaded model does not run or differs by more than 1e-5; nothing is left.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as temporary:
        _save(predictor, horizon, temporary)
        numbers = temporary / "expected.npz"  # here, where the next export clears up after a kill
        np.savez(numbers, **_expected(predictor, horizon))  # pyright: ignore[reportArgumentType]
        worst = _compare(temporary, numbers)
        numbers.unlink()
        return worst


def save_keras_file(predictor: VideoPredictor, path: Path) -> None:
    """Save a network as a .keras file, which `keras.saving.load_model` and --init-from read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        predictor.save(temporary)


def _save(predictor: VideoPredictor, horizon: int, folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.variables_ = [weight.value for weight in predictor.weights]  # pyright: ignore[reportAttributeAccessIssue]
    shape = (None, predictor.context_frames, *predictor.frame_shape)

    def serve_float(context):
        return {"predictions": tf.cast(predictor.predict_frames(context, horizon), tf.float32)}

    def serve_uint8(context):
        predictions = serve_float(tf.cast(context, tf.float32) / 255)["predictions"]
        levels = tf.round(tf.clip_by_value(predictions, 0.0, 1.0) * 255)
        return {"predictions": tf.cast(levels, tf.uint8)}

    def signature(function, dtype):
        spec = tf.TensorSpec(shape, dtype, name="context")
        return tf.function(function, input_signature=[spec], autograph=False)

    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            "serving_default": signature(serve_float, tf.float32),
            "serving_uint8": signature(serve_uint8, tf.uint8),
        },
    )


def _expected(predictor: VideoPredictor, horizon: int) -> dict[str, np.ndarray]:
    """Return contexts of two batch sizes, and lengths if free, with the network's predictions."""
    rng = np.random.default_rng(0)
    numbers = {}
    for i, (batch, length) in enumerate(((1, 2), (2, 3))):
        shape = (batch, predictor.context_frames or length, *predictor.frame_shape)
        levels = rng.integers(0, 256, shape, dtype=np.uint8)
        frames = levels.astype(np.float32) / 255
        predictions = np.asarray(predictor.predict_frames(frames, horizon), np.float32)
        numbers[f"context{i}"], numbers[f"predictions{i}"] = frames, predictions
        as_levels = np.rint(np.clip(predictions, 0, 1) * 255).astype(np.uint8)
        numbers[f"context_levels{i}"], numbers[f"predictions_levels{i}"] = levels, as_levels
    return numbers


def _compare(folder: Path, numbers: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _COMPARE, str(folder), str(numbers)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("WORST ")]
    if done.returncode or not answers:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RunError(f"the exported model does not run in a fresh process: {reason}")
    worst = float(answers[-1].split()[1])
    if not worst <= TOLERANCE:
        raise RunError(
            f"the exported model differs from the network by {worst:g}, more than {TOLERANCE:g}"
        )
    return worst
