"""Files and folders appear whole or not at all, whatever happens while they are written."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tfvp.system.files import creating, replacing, write_bytes, write_json, write_text


@pytest.fixture(params=[replacing, creating])
def writing(request):
    return request.param


def make(path: Path, kind: str, content: str) -> None:
    if kind == "folder":
        path.mkdir()
        path = path / "inside.txt"
    path.write_text(content)


def content_of(path: Path) -> str:
    return (path / "inside.txt" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_was_written_has_its_name_alone(tmp_path, writing, kind):
    path = tmp_path / "new.gif"
    with writing(path) as temporary:
        assert (temporary.parent, temporary.name[0], temporary.suffix) == (tmp_path, ".", ".gif")
        make(temporary, kind, "new")
        assert not path.exists()
    assert os.listdir(tmp_path) == ["new.gif"]
    assert content_of(path) == "new"


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [True, False])
def test_nothing_half_written_stays_and_the_old_one_is_kept(tmp_path, kind, error, old):
    path = tmp_path / "a"
    if old:
        make(path, kind, "old")

    def interrupted() -> None:
        with replacing(path) as temporary:
            make(temporary, kind, "half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert os.listdir(tmp_path) == ["a"] * old
    assert not old or content_of(path) == "old"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_old_one_is_replaced(tmp_path, kind):
    path = tmp_path / "a"
    make(path, kind, "old")
    if kind == "folder":
        (path / "more.txt").touch()
    with replacing(path) as temporary:
        make(temporary, kind, "new")
        assert content_of(path) == "old"
    assert os.listdir(tmp_path) == ["a"]
    assert content_of(path) == "new"
    assert kind == "file" or os.listdir(path) == ["inside.txt"]


def test_a_file_does_not_replace_a_folder(tmp_path):
    make(tmp_path / "a", "folder", "precious")
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path / "a", "new")
    assert content_of(tmp_path / "a") == "precious"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("kind", ["file", "folder", "empty folder", "dangling link"])
def test_a_new_file_or_folder_harms_none_that_came_meanwhile(tmp_path, kind):
    path = tmp_path / "a"

    def meanwhile() -> None:
        with creating(path) as temporary:
            make(temporary, "folder" if "folder" in kind else "file", "ours")
            if kind == "empty folder":
                path.mkdir()
            elif kind == "dangling link":
                path.symlink_to("nowhere")
            else:
                make(path, kind, "theirs")

    with pytest.raises(FileExistsError) as caught:
        meanwhile()
    assert (caught.value.filename, caught.value.strerror) == (str(path), "File exists")
    assert os.listdir(tmp_path) == ["a"]
    assert kind not in ("file", "folder") or content_of(path) == "theirs"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch, kind):
    path, flushed = tmp_path / "a", []

    def fsync(opened: int) -> None:
        assert not path.exists()
        flushed.append(os.readlink(f"/proc/self/fd/{opened}"))

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(path) as temporary:
        make(temporary, kind, "new")
    (name,) = flushed
    assert name == str(temporary / "inside.txt" if kind == "folder" else temporary)


def test_what_a_killed_process_of_the_same_number_left_is_no_obstacle(tmp_path):
    path = tmp_path / "a"
    with replacing(path) as temporary:
        temporary.mkdir()
    make(temporary, "folder", "half")
    (temporary / "more.txt").touch()
    with replacing(path) as temporary:
        make(temporary, "folder", "new")
    path.joinpath("inside.txt").unlink()
    assert (os.listdir(tmp_path), os.listdir(path)) == (["a"], [])


def test_a_full_disk_is_reported_with_the_files_name(tmp_path, monkeypatch):
    write_text(tmp_path / "a", "old")

    def full(opened: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_text(tmp_path / "a", "new")
    assert caught.value.filename == str(tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"]
    assert content_of(tmp_path / "a") == "old"


def test_a_folder_that_is_not_there_is_reported_with_the_files_name(tmp_path):
    path = tmp_path / "none" / "a.json"
    with pytest.raises(FileNotFoundError) as caught:
        write_json(path, {})
    assert caught.value.filename == str(path)


def test_a_folder_that_may_not_be_written_is_reported_with_the_files_name(tmp_path, monkeypatch):
    def forbidden(source: Path, target: Path) -> None:  # as the system says it; root may do all
        raise PermissionError(errno.EACCES, "Permission denied", str(source), None, str(target))

    monkeypatch.setattr(os, "replace", forbidden)
    with pytest.raises(PermissionError) as caught:
        write_bytes(tmp_path / "a", b"")
    assert caught.value.filename == str(tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a") as temporary:
        temporary.write_bytes((tmp_path / "source").read_bytes())
    assert caught.value.filename == str(tmp_path / "source")


def test_a_write_that_fails_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \udcff")
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_json_is_for_every_reader(tmp_path):
    content = {
        "numpy": np.float32(0.5),
        "array": np.arange(2),
        "perfect": float("inf"),
        "none": np.float64("nan"),
        "where": Path("a/b"),
        "flag": np.bool_(True),
        3: ("é", None),
    }
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "numpy": 0.5,
        "array": [0, 1],
        "perfect": None,
        "none": None,
        "where": "a/b",
        "flag": True,
        "3": ["é", None],
    }
    assert text.endswith("}\n")
