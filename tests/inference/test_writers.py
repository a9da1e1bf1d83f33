"""What predict writes: piece by piece, checked after writing, with the name of what is full."""

import errno
import resource
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.helpers import with_slow
from tests.inference.test_video import shown
from tfvp.errors import DataError
from tfvp.inference import writers
from tfvp.inference.video import OutputFrame
from tfvp.inference.writers import write_clip


@pytest.mark.parametrize(
    "name", with_slow(["next.gif", "next.mp4", "next.npy"], ["next.mp4", "next.npy"])
)
def test_frames_are_written_as_they_come(tmp_path, name):
    """A hundred pictures of 2 MB more take no more memory."""
    program = f"""
import resource
from pathlib import Path
import numpy as np
from tfvp.inference.video import OutputFrame
from tfvp.inference.writers import write_clip
frame = np.zeros((700, 1000, 3), np.uint8)
def frames(count):
    return (OutputFrame(n + 1, True, frame) for n in range(count))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
write_clip(Path({str(tmp_path)!r}) / "few{name}", frames(20), None)
few = peak()
write_clip(Path({str(tmp_path)!r}) / "many{name}", frames(120), None)
print(peak() - few)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100, "MB more for 200 MB of frames"


@pytest.mark.parametrize("name", ["next.gif", "next.mp4", "next.npy", "next"])
def test_a_full_disk_is_said_with_the_path_and_leaves_nothing(tmp_path, name):
    """A limit on the size of files is met as a full disk is, in the middle of writing."""
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 1), np.uint8)
    frames = [OutputFrame(n + 1, True, np.roll(noise, n)) for n in range(40)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises((OSError, DataError)) as caught:
            write_clip(tmp_path / name, frames, None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    if isinstance(caught.value, OSError):
        assert caught.value.errno == errno.EFBIG
        assert caught.value.filename == str(tmp_path / name)
    else:
        assert str(tmp_path / name) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_again_is_no_success(tmp_path, monkeypatch):
    monkeypatch.setattr("tfvp.system.video.Film._judge", lambda *_: None)
    real = writers.write_film

    def cut(path, frames, fps):
        real(path, frames, fps)
        path.write_bytes(path.read_bytes()[:-200])
        raise DataError(f"{path}: only 0 of 4 frames can be read again")

    monkeypatch.setattr(writers, "write_film", cut)
    with pytest.raises(DataError, match=r"/next\.mp4: only 0 of 4 frames"):
        write_clip(tmp_path / "next.mp4", shown(), None)
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_many_frames_keep_their_header(tmp_path):
    frames = (OutputFrame(n, n > 2, np.full((2, 3, 1), n, np.uint8)) for n in range(250))
    assert write_clip(tmp_path / "a.npy", frames, None) == 247
    found = np.load(tmp_path / "a.npy")
    assert found.shape == (247, 2, 3, 1)
    assert found[:, 0, 0, 0].tolist() == list(range(3, 250))


def test_gifs_show_each_frame_for_its_time(tmp_path):
    write_clip(tmp_path / "a.gif", shown(), 12.5)
    with Image.open(tmp_path / "a.gif") as picture:
        durations = []
        for number in range(picture.n_frames):
            picture.seek(number)
            durations.append(picture.info["duration"])
    assert durations == [80, 80, 80, 1000]  # the last is held
