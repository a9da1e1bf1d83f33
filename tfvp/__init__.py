"""Video prediction with Keras 3: given some frames, predict the next ones."""

from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfvp.config.loading import load_config
    from tfvp.inference.predictor import Predictor
    from tfvp.models.build import build_model

    __version__: str

__all__ = ["Predictor", "__version__", "build_model", "load_config"]

_HOMES = {
    "load_config": "tfvp.config.loading",
    "build_model": "tfvp.models.build",
    "Predictor": "tfvp.inference.predictor",
}


def __getattr__(name: str) -> Any:
    # Imported when first used: reading a configuration or making a report needs no TensorFlow.
    if name == "__version__":
        try:
            return metadata.version("tfvp")
        except metadata.PackageNotFoundError:
            return "unknown, not installed"
    if name not in _HOMES:
        raise AttributeError(f"module 'tfvp' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
