"""Silences what other libraries print, which would bury our own messages."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tfvp.system.lean_import import lean_import


@contextmanager
def quiet_tensorflow_import() -> Iterator[None]:
    """Import TensorFlow inside this context without notices of its C++ code; see `lean_import`.

    Standard error is redirected as a whole, because TensorFlow's own setting does not silence the
    earliest notices. If the import fails, what was printed is shown; where Ctrl-C ends it, it is
    not.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            with lean_import():
                yield
        except Exception:
            notices.seek(0)
            os.write(stderr, notices.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
