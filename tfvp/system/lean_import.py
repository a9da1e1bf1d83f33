"""Leaves out what TensorFlow and Keras import only in case somebody wants it."""

import importlib.abc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# By the modules that try to import it, and go on where it is not installed: a converter of JAX
# models, a callback that writes checkpoints of another kind, models wrapped for scikit-learn,
# galleries of pictures, an editor of files in a notebook.
UNUSED = {
    "tensorflow.lite.python.util": "jax",
    "keras.src.callbacks.orbax_checkpoint": "jax",
    "keras.src.wrappers": "sklearn",
    "keras.src.visualization": "matplotlib",
    "keras.src.saving.file_editor": "IPython",
}


@contextmanager
def lean_import() -> Iterator[None]:
    """Import TensorFlow and Keras inside this context without what no command of ours needs.

    That saves a fifth of the time and a sixth of the memory: docs/performance.md. All else that is
    imported inside the context, and whatever is imported after it, finds those packages.
    """
    finder = _LeavesOut()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _LeavesOut(importlib.abc.MetaPathFinder):
    """Says of a package in UNUSED that there is none, to those that it is named with there."""

    def find_spec(self, fullname, path=None, target=None):
        """Raise ModuleNotFoundError for such a package; leave all others to Python's finders."""
        del path, target
        if fullname in UNUSED.values():
            importer = _importer(sys._getframe(1))
            if any(f"{importer}.".startswith(f"{m}.") and UNUSED[m] == fullname for m in UNUSED):
                raise ModuleNotFoundError(f"{importer} does without {fullname}", name=fullname)


def _importer(frame: FrameType | None) -> str:
    """Name the module whose code runs the import that a frame of Python's own belongs to."""
    while frame and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return frame.f_globals.get("__name__", "") if frame else ""
