"""Writing that is interrupted keeps whole shards, leaves no half ones, and goes on after them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.small_data import SMALL, five_clips_a_shard, prepared_copy, silent
from tfvp.config import MovingMnistData
from tfvp.data import moving_mnist, partial, shards
from tfvp.data.prepare import open_prepared, prepare
from tfvp.errors import DataError

FIRST, SECOND = "train-00000-of-00003.tfrecord", "train-00001-of-00003.tfrecord"


@pytest.fixture
def config(tmp_path, monkeypatch) -> MovingMnistData:
    five_clips_a_shard(monkeypatch)
    return MovingMnistData(prepared=tmp_path / "data", **SMALL)


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


KILLED = """
import sys, time
from pathlib import Path
import pytest
from tests.small_data import SMALL, five_clips_a_shard
from tfvp.config import MovingMnistData
from tfvp.data import moving_mnist
from tfvp.data.prepare import prepare

five_clips_a_shard(pytest.MonkeyPatch())
whole = moving_mnist.MovingMnistClips.__getitem__

def slow(self, index):
    if index == 8:
        print("in the second shard", flush=True)
        time.sleep(60)
    return whole(self, index)

moving_mnist.MovingMnistClips.__getitem__ = slow
prepare(MovingMnistData(prepared=Path(sys.argv[1]), **SMALL), report=lambda line: None)
"""


def test_a_killed_process_is_continued(config, tmp_path, root):
    command = [sys.executable, "-c", KILLED, str(config.prepared)]
    environment = {**os.environ, "PYTHONPATH": str(root), "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=root
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in the second shard\n"
        process.kill()
        assert process.wait(20) == -signal.SIGKILL
    (kept,) = config.prepared.iterdir()
    assert names(kept) == [FIRST, f"{FIRST}{partial.ENTRY}", f"{SECOND}{partial.UNFINISHED}"]
    lines: list[str] = []
    prepare(config, report=lines.append)
    assert "continuing: 1 of 5 shards were written before" in lines
    assert_as_if_never_interrupted(config, tmp_path)
