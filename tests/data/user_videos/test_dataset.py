"""A user's own data: what is read from which kind of file, how it is fitted, split and refused."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.small_data import silent
from tfvp.cli.main import main
from tfvp.data.prepare import open_prepared, prepare
from tfvp.data.user_videos.config import UserVideosData
from tfvp.data.user_videos.files import find_user_videos
from tfvp.data.user_videos.frames import Frames
from tfvp.data.user_videos.framing import FrameFormat, fit_frame, read_video
from tfvp.errors import DataError

PLAIN = FrameFormat((24, 32), 1, "resize", None)


def shades(count: int, height: int = 24, width: int = 32) -> np.ndarray:
    """Frames (T, H, W, 3) of one colour each: frame t is 5 t + 10 in all channels."""
    levels = np.arange(count, dtype=np.uint8) * 5 + 10
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


def put_video(path: Path, frames: np.ndarray, fps: float = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter.fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG"))
    video = cv2.VideoWriter(str(path), codec, fps, frames.shape[2:0:-1])
    assert video.isOpened()
    for frame in frames:
        video.write(np.ascontiguousarray(frame[..., ::-1]))
    video.release()
    return path


def put_gif(path: Path, frames: np.ndarray, duration_ms: int = 100) -> Path:
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration_ms)
    return path


def put_images(folder: Path, frames: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"frame{number}.png")
    return folder


def only(place: Path):
    ((source,), _) = find_user_videos(place)
    return source


def config_of(tmp_path: Path, **changes) -> UserVideosData:
    settings = {
        "source": tmp_path / "mine",
        "prepared": tmp_path / "data",
        "frame_px": (24, 32),
        "context_frames": 3,
        "predict_frames": 2,
    }
    return UserVideosData(**{**settings, **changes})


@pytest.fixture
def mine(tmp_path) -> Path:
    """Ten arrays of 12 frames, each of one shade of its own: source i is 20 i + 5."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(10):
        np.save(folder / f"s{i}.npy", np.full((12, 24, 32), 20 * i + 5, np.uint8))
    return folder


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["avi", "mp4"])
def test_videos_keep_frames_order_and_colours(tmp_path, end):
    frames = shades(12, 48, 64)
    frames[:, :, :, 0] = 200  # red stays red
    source = only(put_video(tmp_path / f"a.{end}", frames))
    shown = read_video(source, FrameFormat((48, 64), 3, "resize", None)).frames
    assert shown.shape == (12, 48, 64, 3)
    assert np.abs(shown.astype(int) - frames).max() < 16  # the codecs lose some


def test_gifs_folders_and_arrays_are_exact(tmp_path):
    frames = shades(12)
    for place in (
        put_gif(tmp_path / "a.gif", frames),
        put_images(tmp_path / "folder", frames),  # frame10 comes after frame9
    ):
        np.testing.assert_array_equal(read_video(only(place), PLAIN).frames, frames[..., :1])
    np.save(tmp_path / "b.npy", (frames[..., 0] / 255).astype(np.float32))
    np.testing.assert_array_equal(
        read_video(only(tmp_path / "b.npy"), PLAIN).frames, frames[..., :1]
    )


def test_each_sequence_of_an_array_is_a_source(tmp_path):
    frames = np.stack([shades(6)[..., 0] + i for i in range(3)])
    np.savez(tmp_path / "a.npz", many=frames, one=frames[0], colour=shades(6))
    with pytest.raises(DataError, match=r"which: .*--axes NTHW: 3 × 6 × 24 × 32 × 1; --axes TNHW"):
        find_user_videos(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", many=frames[..., None], one=frames[0], colour=shades(6))
    sources, _ = find_user_videos(tmp_path / "a.npz")
    names = ["a.npz[colour]", "a.npz[many][0]", "a.npz[many][1]", "a.npz[many][2]", "a.npz[one]"]
    assert [source.name for source in sources] == names
    np.testing.assert_array_equal(read_video(sources[2], PLAIN).frames[..., 0], frames[1])
    np.testing.assert_array_equal(read_video(sources[4], PLAIN).frames[..., 0], frames[0])
    assert next(iter(Frames(sources[0]))).pixels.shape == (24, 32, 3)


def test_other_files_are_left_aside_and_hidden_ones_not_mentioned(tmp_path):
    put_images(tmp_path / "mine" / "walk", shades(3))
    (tmp_path / "mine" / "notes.txt").write_text("x")
    (tmp_path / "mine" / ".hidden.npy").write_text("x")
    sources, notes = find_user_videos(tmp_path / "mine")
    assert [source.name for source in sources] == ["walk"]
    assert notes == [f"{tmp_path / 'mine' / 'notes.txt'}: no video, image or array; left aside"]


# --- how it is fitted ----------------------------------------------------------------------------


def test_resize_and_pad_by_hand():
    frame = np.full((10, 40, 1), 100, np.uint8)
    stretched = fit_frame(frame, FrameFormat((20, 20), 1, "resize", None))
    assert (stretched == 100).all()
    padded = fit_frame(
        frame, FrameFormat((20, 20), 1, "pad", None)
    )  # halved to 5 rows in the middle
    assert (padded[7:12] == 100).all()
    assert padded[:7].max() == padded[12:].max() == 0
    taller = fit_frame(
        np.full((4, 2, 1), 9, np.uint8), FrameFormat((8, 8), 1, "pad", None)
    )  # doubled
    assert (taller[:, 2:6] == 9).all()
    assert taller[:, :2].max() == taller[:, 6:].max() == 0


def test_gray_and_colour():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    gray = fit_frame(red, FrameFormat((4, 4), 1, "resize", None))
    assert (gray == 60).all()  # 0.299 of 200: the luma of BT.601
    coloured = fit_frame(gray, FrameFormat((4, 4), 3, "resize", None))
    assert coloured.shape == (4, 4, 3)
    assert (coloured == 60).all()


@pytest.mark.parametrize(
    ("fps", "taken"),
    [(20, list(range(13))), (10, [0, 2, 4, 6, 8, 10, 12]), (8, [0, 3, 5, 8, 10])],
)
def test_frames_a_second(tmp_path, fps, taken):
    source = only(put_gif(tmp_path / "a.gif", shades(13), duration_ms=50))  # 20 a second
    shown = read_video(source, FrameFormat((24, 32), 1, "resize", float(fps)))
    assert shown.frames[:, 0, 0, 0].tolist() == [5 * t + 10 for t in taken]


def test_frame_rates_that_cannot_be(tmp_path):
    source = only(put_gif(tmp_path / "a.gif", shades(5)))
    with pytest.raises(
        DataError, match=r"has 10 frames a second, data.fps: 25 asks for more; --fps"
    ):
        read_video(source, FrameFormat((24, 32), 1, "resize", 25.0))
    source = only(put_images(tmp_path / "walk", shades(3)))
    with pytest.raises(DataError, match="has no frame rate"):
        read_video(source, FrameFormat((24, 32), 1, "resize", 5.0))


# --- how it is split and cut ---------------------------------------------------------------------


def test_a_source_belongs_to_one_split(tmp_path, mine):
    made = prepare(config_of(tmp_path), report=silent)
    shown = {}
    for split, count in (("train", 16), ("validation", 2), ("test", 2)):
        reader = made.split(split)
        assert len(reader) == count  # two clips of five frames in twelve
        for index in range(count):
            name, _, frames = reader.source(index).partition(" frames ")
            assert frames in ("0-4", "5-9")
            assert (reader[index] == 20 * int(name[1]) + 5).all()
            shown.setdefault(split, set()).add(name)
    assert sum(map(len, shown.values())) == len(set.union(*shown.values())) == 10
    assert {split: set(names) for split, names in made.facts["sources"].items()} == shown
    other = prepare(config_of(tmp_path, seed=1), report=silent)
    assert other.facts["sources"] != made.facts["sources"]


def test_stride_and_shares(tmp_path, mine):
    made = prepare(config_of(tmp_path, stride=1, shares=(0, 1, 1)), report=silent)
    assert {split: len(made.split(split)) for split in made.manifest.splits} == {
        "validation": 5 * 8,
        "test": 5 * 8,
    }
    assert made.split("test").source(7).endswith(" frames 7-11")


def test_folders_of_the_splits_names_decide(tmp_path, mine):
    for folder, members in (("train", "012345"), ("val", "67"), ("test", "89")):
        (mine / folder).mkdir()
        for i in members:
            (mine / f"s{i}.npy").rename(mine / folder / f"s{i}.npy")
    made = prepare(config_of(tmp_path), report=silent)
    assert made.facts["sources"]["validation"] == ["val/s6.npy", "val/s7.npy"]
    assert made.facts["counts"] == {"train": 12, "validation": 4, "test": 4}


def test_few_sources(tmp_path, mine):
    for i in range(2, 10):
        (mine / f"s{i}.npy").unlink()
    lines = []
    with pytest.raises(DataError, match="2 sources that are long enough cannot make the splits"):
        prepare(config_of(tmp_path), report=silent)
    np.save(mine / "short.npy", np.zeros((4, 24, 32), np.uint8))
    made = prepare(config_of(tmp_path, shares=(8, 0, 1)), report=lines.append)
    assert made.facts["counts"] == {"train": 2, "test": 2}
    assert "short.npy: left out, its 4 frames hold no clip of 5" in lines
    for split_by, total, fits in (("source", 20, 12), ("time", 12, 10)):  # 8 of 10 parts train
        long = config_of(tmp_path, context_frames=total - 2, split_by=split_by)
        with pytest.raises(DataError, match=f"{fits} frames, a clip has {total}; .*={fits // 2}$"):
            prepare(long, report=silent)


def test_every_split_that_is_wanted_gets_a_source(tmp_path, mine):
    for i in range(3, 10):
        (mine / f"s{i}.npy").unlink()
    made = prepare(config_of(tmp_path, shares=(1, 1, 98)), report=silent)
    assert made.facts["counts"] == {"train": 2, "validation": 2, "test": 2}


# --- found again ---------------------------------------------------------------------------------


def test_converted_data_are_found_without_their_source(tmp_path, mine):
    made = prepare(config_of(tmp_path), report=silent)
    later = config_of(tmp_path, source=None, fit="pad", seed=7)
    assert open_prepared(later).folder == made.folder
    lines = []
    assert prepare(later, report=lines.append).folder == made.folder
    assert "every shard is as it was written" in lines[0]
    for change in ({"frame_px": (32, 24)}, {"channels": 3}, {"predict_frames": 3}):
        with pytest.raises(DataError, match=r"no clips of . frames of .* tfvp data convert"):
            prepare(later.model_copy(update=change), report=silent)


def test_changed_sources_are_other_data(tmp_path, mine):
    first = prepare(config_of(tmp_path), report=silent)
    np.save(mine / "s3.npy", np.zeros((12, 24, 32), np.uint8))
    assert prepare(config_of(tmp_path), report=silent).hash != first.hash
    for change in ({"fit": "pad"}, {"stride": 2}, {"shares": (1, 1, 1)}, {"channels": 3}):
        other = config_of(tmp_path, **change)
        assert prepare(other, report=silent).hash != first.hash


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 5), np.uint8), r"expected \(T, H, W\), .* got \(4, 5\)"),
        (np.zeros((1, 2, 3, 4, 5, 6), np.uint8), r"got \(1, 2, 3, 4, 5, 6\)"),
        (np.zeros((2, 9, 8, 8, 2), np.uint8), r"with C 1 or 3 and"),
        (np.zeros((0, 8, 8), np.uint8), r"got \(0, 8, 8\)"),
        (np.full((9, 8, 8), 1.5), r"expected floats in \[0, 1\], got \[1.5, 1.5\]"),
        (np.full((9, 8, 8), -0.1), r"got \[-0.1, -0.1\]"),
        (np.full((9, 8, 8), np.nan), "100.00% of its values are NaN; say what"),
        (np.zeros((9, 8, 8), np.int64), "expected uint8 or float in .*, got int64"),
        (np.array([{}], dtype=object), "Python objects in dtype"),
    ],
)
def test_arrays_that_are_no_frames(tmp_path, capsys, array, says):
    (tmp_path / "mine").mkdir()
    np.save(tmp_path / "mine" / "a.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=says) as caught:
        prepare(config_of(tmp_path), report=silent)
    assert "\n" not in str(caught.value)
    assert "a.npy" in str(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.mp4", "cannot be read as a video"),
        ("a.gif", "cannot be read as a GIF"),
        ("a.png", "cannot be read as an image"),
        ("a.npy", "cannot be read as an array"),
        ("a.npz", "cannot be read as an npz"),
        ("a.txt", "found 1 files of other kinds"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, mine, name, says):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / name).write_bytes(b"no such thing")
    with pytest.raises(DataError, match=says) as caught:
        prepare(config_of(tmp_path, source=folder), report=silent)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_empty_missing_and_uneven_folders(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        prepare(config_of(tmp_path), report=silent)
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match=r"expected videos .* found 0 files"):
        prepare(config_of(tmp_path), report=silent)
    put_images(tmp_path / "mine" / "walk", shades(6))
    Image.new("RGB", (9, 9)).save(tmp_path / "mine" / "walk" / "frame7.png")
    with pytest.raises(DataError, match=r"frame7.png: expected 24x32 .* got 9x9"):
        prepare(config_of(tmp_path), report=silent)


# --- the command ---------------------------------------------------------------------------------


def test_convert_inspect_and_verify(tmp_path, mine, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = ["--size", "16x24", "--channels", "3", "--fit", "pad", "--stride", "12"]
    settings += ["--shares", "2,1,1", "--set", "data.context_frames=8"]
    settings += ["--set", "data.predict_frames=4"]
    assert main(["data", "convert", "mine", "--out", "own", *settings]) == 0
    out = capsys.readouterr().out
    assert "clips: train 6, validation 2, test 2" in out
    assert main(["data", "verify", "own"]) == 0
    assert main(["data", "inspect", "own", "--out", "look"]) == 0
    out = capsys.readouterr().out
    assert "10 records are as they were written" in out
    assert "validation: 2 clips (12, 16, 24, 3) uint8" in out
    assert len(list((tmp_path / "own").iterdir())) == 1


def test_convert_says_what_is_wrong_in_one_line(tmp_path, capsys):
    assert main(["data", "convert", str(tmp_path / "no"), "--out", str(tmp_path / "own")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["data", "convert", str(tmp_path), "--out", "x", "--fit", "crop"]) == 2
    assert "--fit: data.fit: expected 'resize' or 'pad', got \"crop\"" in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


# --- real videos ---------------------------------------------------------------------------------


@pytest.mark.realdata
def test_real_videos_as_ones_own(tmp_path):
    videos = Path(os.environ["TFVP_DATA"]) / "kth" / "videos"
    config = UserVideosData(
        source=videos, prepared=tmp_path, frame_px=(48, 64), fit="pad", fps=12.5
    )
    made = prepare(config, report=print)
    assert made.verify() == []
    names = [name for listed in made.facts["sources"].values() for name in listed]
    assert len(names) == len(set(names)) == len(list(videos.glob("*.avi")))
    reader = made.split("test")
    name, _, frames = reader.source(1).partition(" frames ")
    assert frames == "20-39"
    capture, shown = cv2.VideoCapture(str(videos / name)), []
    while (grabbed := capture.read())[0]:
        shown.append(cv2.cvtColor(grabbed[1], cv2.COLOR_BGR2GRAY))
    every_second = np.stack(shown)[::2][20:40]  # of 25 frames a second
    scaled = [cv2.resize(f, (64, 48), interpolation=cv2.INTER_AREA) for f in every_second]
    np.testing.assert_array_equal(reader[1][..., 0], np.stack(scaled))
