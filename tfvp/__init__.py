"""Video prediction with Keras 3: given some frames, predict the next ones."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tfvp.errors import ConfigError
from tfvp.system.imports import after_import, missing_backend

if TYPE_CHECKING:
    from tfvp.config.loading import load_config
    from tfvp.experiment.own_loop import build_model, build_trainer, training_data
    from tfvp.inference.predictor import Predictor
    from tfvp.models.build import load_network
    from tfvp.models.registry import list_models

    __version__: str

# Imported when first used: reading a configuration or making a report needs no TensorFlow.
_HOMES = {
    "load_config": "tfvp.config.loading",
    "build_model": "tfvp.experiment.own_loop",
    "build_trainer": "tfvp.experiment.own_loop",
    "training_data": "tfvp.experiment.own_loop",
    "load_network": "tfvp.models.build",
    "list_models": "tfvp.models.registry",
    "Predictor": "tfvp.inference.predictor",
}

__all__ = [
    "Predictor",
    "__version__",
    "build_model",
    "build_trainer",
    "list_models",
    "load_config",
    "load_network",
    "training_data",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # most of the time that importing tfvp would take

        try:
            return metadata.version("tfvp")
        except metadata.PackageNotFoundError:
            return "unknown, not installed"
    if name not in _HOMES:
        raise AttributeError(f"module 'tfvp' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except (ImportError, ValueError) as error:
        said = missing_backend(error)
        if said is None:
            raise
        raise ConfigError(said) from error


def __dir__() -> list[str]:
    return __all__


def _register_networks() -> None:
    """Let Keras know the classes in `.keras` files, so that `import tfvp` is enough to load them.

    Not while a module of ours is being imported, which needs no others; `load_network` does it too.
    """
    ours = (module for name, module in sys.modules.items() if name.startswith("tfvp."))
    if any(getattr(module.__spec__, "_initializing", False) for module in list(ours)):
        return
    if sys.modules["keras"].backend.backend() in ("tensorflow", "jax"):  # on another nothing loads
        import_module("tfvp.models.build").register_networks()


after_import("keras", _register_networks)
