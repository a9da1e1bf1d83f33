"""Calls a function once another package is imported, and explains packages that are missing."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def missing_backend(error: ImportError | ValueError) -> str | None:
    """Say what to do where Keras was to run on a package that is not installed; None: it was not.

    >>> missing_backend(ModuleNotFoundError("No module named 'rich'", name="rich"))
    """
    if isinstance(error, ValueError):  # what Keras raises of a name that it does not know
        _, is_keras, name = str(error).partition("Unable to import backend : ")
        why = "which it does not know"
        if not is_keras:
            return None
    else:
        name, why = (error.name or "").partition(".")[0], "which is not installed"
        if name == "tensorflow":
            return "this needs TensorFlow, which is not installed; pip install tensorflow"
        if name not in ("torch", "jax", "openvino"):
            return None
    return (
        f"Keras is to run on {name} (KERAS_BACKEND, or ~/.keras/keras.json), {why}; set "
        "KERAS_BACKEND=tensorflow"
    )


def after_import(name: str, callback: Callable[[], Any]) -> None:
    """Call `callback` once the top-level package `name` is imported; now if it is already."""
    if name in sys.modules:
        callback()
    else:
        sys.meta_path.insert(0, _Watch(name, callback))


class _Watch:
    """Finds the package as everybody else does, and calls back when it has been executed."""

    def __init__(self, name: str, callback: Callable[[], Any]):
        self.name = name
        self.callback = callback

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the package's own specification, whose loader also calls back; None of others."""
        del path, target
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self.callback()

            spec.loader.exec_module = exec_module
        return spec
