"""Keras callbacks of the user's that a configuration names."""

import inspect
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import keras

from tfvp.errors import ConfigError, first_line


def load_callbacks(names: Sequence[str]) -> list[type[keras.callbacks.Callback]]:
    """Import the classes that `training.callbacks` names.

    Args:
        names: `package.module:Class` each.

    Raises:
        ConfigError: one cannot be imported, or is no class of Keras callbacks.
    """
    return [_load(name) for name in names]


def make_callbacks(names: Sequence[str], folder: Path) -> list[keras.callbacks.Callback]:
    """Make the callbacks that `training.callbacks` names.

    Args:
        names: `package.module:Class` each; a class is called without arguments, or with
            `run_folder=` where it has such a parameter.
        folder: the folder of the run.

    Raises:
        ConfigError: one cannot be imported, is no class of Keras callbacks, or cannot be made.
    """
    return [
        _make(name, made, folder) for name, made in zip(names, load_callbacks(names), strict=True)
    ]


def _load(name: str) -> type[keras.callbacks.Callback]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
        parameters = inspect.signature(found).parameters if inspect.isclass(found) else {}
    except Exception as error:  # whatever a module does when it is imported
        raise ConfigError(
            f"training.callbacks: {name} cannot be imported: {type(error).__name__}: "
            f"{first_line(error)}; "
            "expected package.module:Class, with the package installed or in PYTHONPATH"
        ) from None
    if not (inspect.isclass(found) and issubclass(found, keras.callbacks.Callback)):
        raise ConfigError(f"training.callbacks: {name} is no subclass of keras.callbacks.Callback")
    for parameter in parameters.values():
        given = parameter.name == "run_folder" or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if not given and parameter.default is parameter.empty:
            raise ConfigError(
                f"training.callbacks: {name} needs {parameter.name!r}; it is made without "
                "arguments, or with run_folder= where it has such a parameter"
            )
    return found


def _make(name: str, made: type, folder: Path) -> keras.callbacks.Callback:
    takes_folder = "run_folder" in inspect.signature(made).parameters
    try:
        return made(run_folder=folder) if takes_folder else made()
    except Exception as error:  # whatever its constructor does
        raise ConfigError(
            f"training.callbacks: {name} cannot be made: {type(error).__name__}: "
            f"{first_line(error)}"
        ) from None
