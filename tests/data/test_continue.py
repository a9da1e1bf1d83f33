"""Writing that is interrupted keeps whole shards, leaves no half ones, and goes on after them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.helpers.small_data import SMALL, five_clips_a_shard, prepared_copy, silent
from tfvp.data import partial, shards
from tfvp.data.moving_mnist import dataset as moving_mnist
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.prepare import open_prepared, prepare
from tfvp.errors import DataError

FIRST, SECOND = "train-00000-of-00003.tfrecord", "train-00001-of-00003.tfrecord"


@pytest.fixture
def config(tmp_path, monkeypatch) -> MovingMnistData:
    """Settings whose shards are written one after the other, where a test does not change that."""
    five_clips_a_shard(monkeypatch)
    on_cores(monkeypatch, 1)
    return MovingMnistData(prepared=tmp_path / "data", **SMALL)


def on_cores(patch: pytest.MonkeyPatch, cores: int) -> None:
    patch.setattr(shards, "usable_cores", lambda: cores)


def breaks_at(patch: pytest.MonkeyPatch, index: int, error: BaseException | type) -> None:
    """Make clip `index` of every split raise."""
    whole = moving_mnist.MovingMnistClips.__getitem__

    def broken(self, number):
        if number == index:
            raise error
        return whole(self, number)

    patch.setattr(moving_mnist.MovingMnistClips, "__getitem__", broken)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_as_if_never_interrupted(config: MovingMnistData, tmp_path: Path) -> None:
    made = open_prepared(config).folder
    straight = open_prepared(prepared_copy(tmp_path / "straight")).folder
    assert names(made) == names(straight)
    for path in straight.iterdir():
        assert (made / path.name).read_bytes() == path.read_bytes(), path.name
    assert names(config.prepared) == [made.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk gone"), RuntimeError])
def test_whole_shards_stay_and_writing_goes_on_after_them(config, tmp_path, monkeypatch, error):
    expected = DataError if isinstance(error, OSError) else error
    lines: list[str] = []
    with monkeypatch.context() as patch:
        breaks_at(patch, 7, error)  # in the second shard
        with pytest.raises(expected):
            prepare(config, report=lines.append)
    (kept,) = config.prepared.iterdir()
    assert names(kept) == [FIRST, f"{FIRST}{partial.ENTRY}"]
    assert f"finished shards are kept: 1 in {kept}" in lines[-1]

    before = (kept / FIRST).stat()
    drawn = []
    whole = moving_mnist.MovingMnistClips.__getitem__
    monkeypatch.setattr(
        moving_mnist.MovingMnistClips,
        "__getitem__",
        lambda self, n: drawn.append((self.split, n)) or whole(self, n),
    )
    lines.clear()
    made = prepare(config, report=lines.append)
    assert "continuing: 1 of 5 shards were written before" in lines
    assert [number for split, number in drawn if split == "train"] == list(range(5, 12))
    after = (made.folder / FIRST).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert_as_if_never_interrupted(config, tmp_path)


def test_nothing_stays_when_no_shard_was_finished(config, monkeypatch):
    breaks_at(monkeypatch, 3, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(config, report=silent)
    assert list(config.prepared.iterdir()) == []


@pytest.mark.parametrize("damage", ["flipped", "cut", "no shard", "no entry", "other entry"])
def test_a_kept_shard_that_is_not_whole_is_written_again(config, tmp_path, monkeypatch, damage):
    with monkeypatch.context() as patch:
        breaks_at(patch, 11, KeyboardInterrupt)  # in the third shard
        with pytest.raises(KeyboardInterrupt):
            prepare(config, report=silent)
    (kept,) = config.prepared.iterdir()
    shard, entry = kept / SECOND, kept / f"{SECOND}{partial.ENTRY}"
    content = shard.read_bytes()
    if damage == "flipped":
        shard.write_bytes(content[:99] + bytes([content[99] ^ 1]) + content[100:])
    elif damage == "cut":
        shard.write_bytes(content[:-1])
    elif damage == "no shard":
        shard.unlink()
    elif damage == "no entry":
        entry.unlink()
    else:
        entry.write_bytes((kept / f"{FIRST}{partial.ENTRY}").read_bytes())
    lines: list[str] = []
    prepare(config, report=lines.append)
    assert "continuing: 1 of 5 shards were written before" in lines
    assert_as_if_never_interrupted(config, tmp_path)


def test_other_settings_do_not_continue_from_it(config, monkeypatch):
    with monkeypatch.context() as patch:
        breaks_at(patch, 7, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(config, report=silent)
    lines: list[str] = []
    prepare(config.model_copy(update={"seed": 1}), report=lines.append)
    assert not [line for line in lines if "continuing" in line]
    assert len(list(config.prepared.glob(".*.partial"))) == 1


def test_a_last_step_that_fails_keeps_every_shard(config, tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError("no renaming here")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(DataError, match="cannot be written"):
            prepare(config, report=silent)
    lines: list[str] = []
    prepare(config, report=lines.append)
    assert "continuing: 5 of 5 shards were written before" in lines
    assert_as_if_never_interrupted(config, tmp_path)


def test_kept_shards_need_no_more_room(config, monkeypatch):
    with monkeypatch.context() as patch:
        breaks_at(patch, 7, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(config, report=silent)
    kept = next(config.prepared.glob(f".*/{FIRST}")).stat().st_size
    needed = 21 * (5 * 24 * 32 + shards.RECORD_OVERHEAD_BYTES) - kept
    full = shards.shutil._ntuple_diskusage(10**9, 10**9 - needed, needed)
    monkeypatch.setattr(shards.shutil, "disk_usage", lambda path: full)
    prepare(config, report=silent)


def test_a_second_writer_waits_and_uses_what_the_first_wrote(config, tmp_path, monkeypatch):
    write, lines, others = shards._write_shard, [], []

    def meanwhile(*args):
        if not others:
            others.append(threading.Thread(target=prepare, args=[config], kwargs=report))
            others[0].start()
            deadline = time.monotonic() + 10
            while not [line for line in lines if "waiting" in line]:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        return write(*args)

    report = {"report": lines.append}
    monkeypatch.setattr(shards, "_write_shard", meanwhile)
    prepare(config, report=silent)
    others[0].join(10)
    assert not others[0].is_alive()
    assert "waiting for another process" in " ".join(lines)
    assert_as_if_never_interrupted(config, tmp_path)


# --- on several cores ----------------------------------------------------------------------------


@pytest.mark.parametrize("cores", [2, 3, 16])
def test_the_bytes_do_not_depend_on_the_cores(config, tmp_path, monkeypatch, cores):
    on_cores(monkeypatch, cores)
    prepare(config, report=silent)
    assert_as_if_never_interrupted(config, tmp_path)


def test_as_many_shards_are_written_at_a_time_as_there_are_cores(config, monkeypatch):
    """Each of three threads waits in its first clip until all three are there."""
    on_cores(monkeypatch, 3)
    whole, together = moving_mnist.MovingMnistClips.__getitem__, threading.Barrier(3)

    def waits(self, index):
        if self.split == "train" and index in (0, 5, 10):
            together.wait(10)
        return whole(self, index)

    monkeypatch.setattr(moving_mnist.MovingMnistClips, "__getitem__", waits)
    prepare(config, report=silent)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk gone"), RuntimeError])
def test_a_failure_stops_the_other_threads_and_leaves_whole_shards_alone(
    config, tmp_path, monkeypatch, error
):
    """The first shard is whole when the second fails; the third stops, the others never begin."""
    on_cores(monkeypatch, 2)
    whole, drawn, failed = moving_mnist.MovingMnistClips.__getitem__, [], threading.Event()

    def broken(self, index):
        drawn.append((self.split, index))
        if (self.split, index) == ("train", 7):
            while not list(config.prepared.glob(f".*/{FIRST}{partial.ENTRY}")):
                time.sleep(0.01)
            while ("train", 10) not in drawn:
                time.sleep(0.01)
            failed.set()
            raise error
        if (self.split, index) == ("train", 10):
            failed.wait(10)
            time.sleep(0.2)
        return whole(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(moving_mnist.MovingMnistClips, "__getitem__", broken)
        with pytest.raises(DataError if isinstance(error, OSError) else error):
            prepare(config, report=silent)
    assert {pair for pair in drawn if pair > ("train", 10) or pair[0] != "train"} == set()
    (kept,) = config.prepared.iterdir()
    assert names(kept) == [FIRST, f"{FIRST}{partial.ENTRY}"]
    lines: list[str] = []
    prepare(config, report=lines.append)
    assert "continuing: 1 of 5 shards were written before" in lines
    assert_as_if_never_interrupted(config, tmp_path)


# --- by a signal ---------------------------------------------------------------------------------

STOPPED = """
import sys, time
from pathlib import Path
import pytest
from tests.helpers.small_data import five_clips_a_shard
from tfvp.cli.main import main
from tfvp.data.moving_mnist import dataset as moving_mnist
from tfvp.data import shards

five_clips_a_shard(pytest.MonkeyPatch())
shards.usable_cores = lambda: 2
home, whole = Path(sys.argv[1]), moving_mnist.MovingMnistClips.__getitem__

def slow(self, index):
    if index == 8:
        while not list(home.glob(".*/train-00000*.entry.json")):
            time.sleep(0.01)
        print("in the second shard", flush=True)
    if index >= 8:  # nothing more is drawn before the signal was sent, however slow the machine
        while not home.with_name("signal sent").exists():
            time.sleep(0.01)
        time.sleep(1)
    return whole(self, index)

moving_mnist.MovingMnistClips.__getitem__ = slow
sys.exit(main(["data", "prepare", "e3d", *sys.argv[2:]]))
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
@pytest.mark.slow
def test_a_process_that_is_stopped_is_continued(config, tmp_path, monkeypatch, root, number, code):
    on_cores(monkeypatch, 2)
    command = [sys.executable, "-c", STOPPED, str(config.prepared), *settings_of(config)]
    environment = {**os.environ, "PYTHONPATH": str(root), "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=root
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != b"in the second shard\n":
            assert process.poll() is None
        process.send_signal(number)
        config.prepared.with_name("signal sent").touch()
        assert process.wait(120) == code
    (kept,) = config.prepared.iterdir()
    left = names(kept)
    assert FIRST in left
    assert SECOND not in left
    # A process that is killed cannot tidy up; what it leaves does not bear a shard's name.
    half = [name for name in left if name.endswith(partial.UNFINISHED)]
    assert bool(half) == (number == signal.SIGKILL)
    lines: list[str] = []
    prepare(config, report=lines.append)
    assert [line for line in lines if "shards were written before" in line]
    assert_as_if_never_interrupted(config, tmp_path)


def settings_of(config: MovingMnistData) -> list[str]:
    """The command line's settings for it."""
    data = {**SMALL, "prepared": str(config.prepared)}
    small = {f"data.{k}": list(v) if isinstance(v, tuple) else v for k, v in data.items()}
    small |= {"training.validation_clips": 2, "training.global_batch": 4, "model.patch_px": 4}
    return [f"--set={key}={value}" for key, value in {**small, "evaluation.samples": 1}.items()]
