"""What other programs print while they are imported, kept from burying what we say."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def silence_decoders() -> None:
    """Keep FFmpeg, inside OpenCV, from printing about videos: we say what cannot be read."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@contextmanager
def quiet_tensorflow_import() -> Iterator[None]:
    """Keep the notices that TensorFlow's C++ prints while it is imported, unless that fails.

    They would bury what the program says, and their settings do not reach the earliest of them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            yield
        except BaseException:
            notices.seek(0)
            os.write(stderr, notices.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
