"""tfvp predict: which frames are continued, the way to the network's size and back, the files."""

import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.helpers import tiny
from tests.system.test_video import put_film
from tfvp.cli.main import main
from tfvp.data.kth.config import KthData
from tfvp.data.user_videos.config import UserVideosData
from tfvp.data.user_videos.files import Reading
from tfvp.data.user_videos.framing import FrameFormat, fit_frame, restore_frame
from tfvp.errors import ConfigError, DataError
from tfvp.experiment.stages import run_stages
from tfvp.inference.video import OutputFrame, continue_clip, frame_format_of, read_input
from tfvp.inference.writers import check_output, write_clip

FORMAT = FrameFormat((8, 8), 1, "resize", None)
BLUE, ORANGE = (31, 119, 180), (230, 110, 20)


def numbered_clip(path: Path, frames: int, size=(8, 8)) -> Path:
    """An array whose frame n (from 1) is n everywhere."""
    values = np.arange(1, frames + 1, dtype=np.uint8)[:, None, None]
    np.save(path, np.broadcast_to(values, (frames, *size)))
    return path


def count_on(windows: np.ndarray, steps: int) -> np.ndarray:
    """A network that has seen frames n - 1 and n predicts n + 1, n + 2, …, and 100 on top."""
    last = windows[:, -1:] % 100
    assert (windows[:, -1] == windows[:, 0] + windows.shape[1] - 1).all()
    return np.concatenate([last + 101 + k for k in range(steps)], axis=1)


def values(frames) -> list[tuple[int, bool, int]]:
    return [(f.number, f.predicted, int(f.frame.mean())) for f in frames]


# --- which frames -------------------------------------------------------------------------------


def test_the_last_frames_are_continued(tmp_path):
    given = read_input(numbered_clip(tmp_path / "x.npy", 7), FORMAT, 3, False)
    assert values(continue_clip(given, count_on, FORMAT, 2)) == [
        (5, False, 5),
        (6, False, 6),
        (7, False, 7),
        (8, True, 108),
        (9, True, 109),
    ]


@pytest.mark.parametrize("frames", [3, 4, 7, 8, 30])
def test_sliding_predicts_every_frame_once_after_the_first_context(tmp_path, frames):
    given = read_input(numbered_clip(tmp_path / "x.npy", frames), FORMAT, 3, True)
    found = values(continue_clip(given, count_on, FORMAT, 2))
    assert found[:3] == [(1, False, 1), (2, False, 2), (3, False, 3)]
    assert found[3:] == [(n, True, 100 + n) for n in range(4, frames + 3)]


def test_frames_are_taken_at_the_rate_that_the_network_learned(tmp_path):
    times = [*range(0, 100, 4), *range(100, 500, 20)]  # 25 a second for a second, then 5 a second
    film = put_film(tmp_path / "a.mp4", times)
    wanted = frame_format_of(UserVideosData(frame_px=(8, 8), fps=1.0), None)
    given = read_input(film, wanted, 4, False)
    taken = [times.index(second * 100) for second in range(1, 5)]
    assert np.abs(given.fitted[:, 0, 0, 0] - 5.0 * np.array(taken)).max() <= 3
    assert (given.first, given.fps) == (2, 1.0)
    assert given.notes == ["a.mp4: 1 frames a second are taken of it (--fps RATE: others)"]
    with pytest.raises(DataError, match=r"data.fps: 30 asks for more; --fps RATE takes fewer"):
        read_input(film, FrameFormat((8, 8), 1, "resize", 30.0), 2, False)
    with pytest.raises(DataError, match=r"has 2 frames after the gap before number 38,"):
        read_input(film, FrameFormat((8, 8), 1, "resize", 8.0), 4, False)


def test_the_rate_of_an_array_is_said_or_taken_for_the_networks(tmp_path):
    clip = numbered_clip(tmp_path / "x.npy", 9)
    slow = FrameFormat((8, 8), 1, "resize", 5.0)
    given = read_input(clip, slow, 3, False)
    assert given.fitted[:, 0, 0, 0].tolist() == [7, 8, 9]
    assert "nothing says its frame rate, it is taken for 5" in given.notes[-1]
    given = read_input(clip, slow, 3, False, reading=Reading(source_fps=10.0))
    assert given.fitted[:, 0, 0, 0].tolist() == [5, 7, 9]


@pytest.mark.parametrize("slide", [False, True])
def test_nothing_is_predicted_across_a_gap(tmp_path, slide):
    (tmp_path / "walk").mkdir()
    for number in (*range(5), *range(6, 10)):
        Image.new("L", (8, 8), 10 * number).save(tmp_path / "walk" / f"{number}.png")
    given = read_input(tmp_path / "walk", FORMAT, 2, slide)
    assert given.fitted[:, 0, 0, 0].tolist() == ([60, 70, 80, 90] if slide else [80, 90])
    assert [frame[0, 0, 0] for frame in given.context] == ([60, 70] if slide else [80, 90])
    assert given.first == (7 if slide else 9)


# --- size and colour ----------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["resize", "pad"])
@pytest.mark.parametrize("size", [(40, 20), (20, 40), (5, 7), (32, 32)])
def test_there_and_back_keeps_size_and_place(fit, size):
    """A bright corner block stays in its corner; padding does not come back."""
    frame = np.full((*size, 1), 60, np.uint8)
    frame[: size[0] // 2, : size[1] // 2] = 240
    frame_format = FrameFormat((32, 32), 1, fit, None)
    back = restore_frame(fit_frame(frame, frame_format), frame_format, size)
    assert back.shape == frame.shape
    far = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
    for corner in far:
        assert abs(int(back[corner][0]) - int(frame[corner][0])) <= 8, corner
    assert np.abs(back.astype(int) - frame).mean() < 12


def test_colours_are_the_networks(tmp_path):
    colours = np.zeros((4, 6, 10, 3), np.uint8)
    colours[..., 0] = 200  # red
    np.save(tmp_path / "x.npy", colours)
    gray = read_input(tmp_path / "x.npy", FORMAT, 2, False)
    assert gray.fitted.shape == (2, 8, 8, 1)
    assert gray.fitted.mean() == pytest.approx(0.299 * 200, abs=1)
    colour = read_input(tmp_path / "x.npy", FrameFormat((8, 8), 3, "resize", None), 2, False)
    assert colour.fitted[0, 0, 0].tolist() == [200, 0, 0]


def test_own_videos_are_fitted_as_in_training():
    assert frame_format_of(UserVideosData(fps=5.0), None, 10.0).fps == 10.0
    assert frame_format_of(UserVideosData(fit="pad"), None).fit == "pad"
    assert frame_format_of(UserVideosData(fit="pad"), "resize").fit == "resize"
    assert frame_format_of(KthData(), None) == FrameFormat((128, 128), 1, "resize", None)


# --- files --------------------------------------------------------------------------------------


def shown(count: int = 4, size=(9, 7), channels: int = 1) -> list[OutputFrame]:
    """Two context frames, then predicted ones, numbered from 11."""
    grays = [np.full((*size, channels), 40 * n % 256, np.uint8) for n in range(count)]
    return [OutputFrame(11 + n, n >= 2, frame) for n, frame in enumerate(grays)]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_tells_given_and_predicted_frames_apart(tmp_path, channels):
    path = tmp_path / "next.gif"
    assert write_clip(path, shown(channels=channels), 12.5) == 2
    with Image.open(path) as picture:
        frames = [np.asarray(f.convert("RGB")).astype(int) for f in ImageSequence.Iterator(picture)]
        picture.seek(0)
        assert picture.info["duration"] == 80
    assert len(frames) == 4
    for n, frame in enumerate(frames):
        for colour, there in ((BLUE, n < 2), (ORANGE, n >= 2)):
            near = np.abs(frame - colour).sum(axis=-1) < 30
            assert (near.sum() > 500) == there
    texts = [f[-18:] for f in frames]  # the line with the number
    assert all((a != b).any() for a, b in pairwise(texts))


def test_an_mp4_plays_at_the_inputs_rate(tmp_path):
    path = tmp_path / "next.mp4"
    assert write_clip(path, shown(), 25.0) == 2
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    read = []
    while (got := video.read())[0]:
        read.append(got[1])
    assert len(read) == 4
    assert read[0].shape[0] % 2 == read[0].shape[1] % 2 == 0
    for n, frame in enumerate(read):  # OpenCV's order is blue, green, red; mp4 blurs colours
        distance = {c: np.abs(frame[..., ::-1] - np.array(c)).sum(-1) for c in (BLUE, ORANGE)}
        near = {c: int((d < 100).sum()) for c, d in distance.items()}
        assert (near[BLUE] > near[ORANGE]) == (n < 2), (n, near)


def test_arrays_and_folders_hold_bare_frames(tmp_path):
    assert write_clip(tmp_path / "next.npy", shown(), None) == 2
    array = np.load(tmp_path / "next.npy")
    assert array.shape == (2, 9, 7, 1)
    assert array[:, 0, 0, 0].tolist() == [80, 120]
    write_clip(tmp_path / "next", shown(), None)
    names = sorted(p.name for p in (tmp_path / "next").iterdir())
    assert names == [
        "context_00011.png",
        "context_00012.png",
        "predicted_00013.png",
        "predicted_00014.png",
    ]
    with Image.open(tmp_path / "next" / names[3]) as picture:
        assert (picture.size, picture.getpixel((0, 0))) == ((7, 9), 120)


@pytest.mark.parametrize("name", ["next.gif", "next.mp4", "next.npy", "next"])
def test_nothing_half_written_stays(tmp_path, name):
    def breaks():
        yield from shown()
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        write_clip(tmp_path / name, breaks(), None)
    assert os.listdir(tmp_path) == []


def test_outputs_that_are_refused(tmp_path):
    (tmp_path / "there.gif").touch()
    with pytest.raises(DataError, match="never overwritten"):
        check_output(tmp_path / "there.gif")
    with pytest.raises(ConfigError, match=r"expected \.gif, \.mp4, \.npy"):
        check_output(tmp_path / "next.avi")
    with pytest.raises(DataError, match="is no folder"):
        check_output(tmp_path / "none" / "next.gif")


# --- the command --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = tiny.job(tiny.experiment(tmp_path_factory.mktemp("predict"), "training.steps=1"))
    run_stages(made, ("prepare", "train"))
    return made.run.root


def test_predict_from_the_command_line(run, tmp_path, capsys):
    clip = numbered_clip(tmp_path / "x.npy", 6, (30, 20))
    out = tmp_path / "next.npy"
    words = ["predict", "--run", str(run), "--input", str(clip), "--output", str(out)]
    assert main([*words, "--steps", "4"]) == 0
    assert np.load(out).shape == (4, 30, 20, 1)
    said = capsys.readouterr().out
    assert "4 frames predicted; frames of 30x20 were brought to 12x16" in said
    assert main(words) == 1
    assert "never overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "more", "code", "message"),
    [
        ("short.npy", (), 1, "has 2 frames, the network continues 3; "),
        ("empty.mp4", (), 1, "cannot be read as a video"),
        ("empty.npy", (), 1, "empty.npy: cannot be read as an array"),
        ("none.mp4", (), 1, "no such file"),
        ("text.txt", (), 1, "expected videos"),
        ("mixed", (), 1, "expected 8x8 as the first image of its folder, got 9x8"),
        ("several", (), 1, "holds 2 clips"),
        ("short.npy", ("--steps", "0"), 2, "--steps: expected at least 1 frame, got 0"),
        ("short.npy", ("--context", "0"), 2, "--context: expected at least 1 frame, got 0"),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, capsys, name, more, code, message):
    numbered_clip(tmp_path / "short.npy", 2)
    for empty in ("empty.mp4", "empty.npy", "text.txt"):
        (tmp_path / empty).touch()
    for folder, height in (("mixed", 9), ("several", 8)):
        (tmp_path / folder).mkdir()
        for n, h in enumerate((8, height)):
            Image.new("L", (8, h)).save(tmp_path / folder / f"{n}.png")
    np.save(tmp_path / "several" / "x.npy", np.zeros((3, 8, 8), np.uint8))
    out = tmp_path / "next.gif"
    words = ["--run", str(run), "--input", str(tmp_path / name), "--output", str(out), *more]
    assert main(["predict", *words]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()
