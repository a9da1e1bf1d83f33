"""A network's weights alone, as a safetensors file, read again before it counts."""

from pathlib import Path

import keras
import numpy as np

from tfvp.errors import RunError
from tfvp.models.base import VideoPredictor
from tfvp.porting.safetensors import read_safetensors, write_safetensors

FILE = "model.safetensors"


def export_weights(predictor: VideoPredictor, folder: Path) -> Path:
    """Write `folder`/model.safetensors, each weight under the path of its variable; returns it.

    Raises:
        RunError: what is read again is not the same.
    """
    weights = {w.path: keras.ops.convert_to_numpy(w) for w in predictor.weights}
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / FILE, weights, {"network": type(predictor.core).__name__})
    again = read_safetensors(folder / FILE)
    if not all(np.array_equal(again[name], value) for name, value in weights.items()):
        raise RunError(f"{folder / FILE}: read again it is not the same; the disk may be faulty")
    return folder / FILE
