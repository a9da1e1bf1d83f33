"""KTH: which windows of which videos; what is wrong is said by name, and nothing left behind."""

import itertools
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from tests.helpers.small_data import silent
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.data import windows
from tfvp.data.kth import dataset as kth
from tfvp.data.kth import files as kth_files
from tfvp.data.kth.config import KthData
from tfvp.data.prepare import open_prepared, prepare
from tfvp.errors import DataError
from tfvp.evaluation.metadata import run_metadata
from tfvp.reporting.tables.published import load_published
from tfvp.sections import SPLITS

FRAMES = 14
VIDEOS = [  # one or two for each split with validation persons 3
    "person01_boxing_d1",
    "person02_running_d2",
    "person03_walking_d1",
    "person17_jogging_d1",
]
BOUNDARIES = {
    "person01_boxing_d1": "1-6, 7-14",  # the numbers join
    "person02_running_d2": "1-7, 9-14",  # a gap
    "person03_walking_d1": "3-9",
    "person17_jogging_d1": "1-14",
}


def write_video(path: Path, frames: int = FRAMES, base: int = 0) -> None:
    """An AVI whose frame n (from 1) is gray of 12 n + base, its right half 30 brighter."""
    numbers = np.arange(1, frames + 1)[:, None, None, None]
    clip = np.broadcast_to(12 * numbers + base, (frames, 120, 160, 3)).astype(np.uint8)
    clip[:, :, 80:] += 30
    write_frames(path, clip)


def write_frames(path: Path, frames: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for frame in frames:
        writer.write(frame)
    writer.release()


def write_boundaries(folder: Path, boundaries: dict[str, str]) -> None:
    lines = [f"{name}\t\tframes\t{ranges}" for name, ranges in boundaries.items()]
    text = "\r\n".join(["", "Training:   person11, 12", *lines, ""])
    (folder / "00sequences.txt").write_bytes(text.encode())


@pytest.fixture
def raw(tmp_path, monkeypatch) -> Path:
    """A complete KTH of four videos."""
    monkeypatch.setattr(kth, "ALL_VIDEOS", frozenset(VIDEOS))
    monkeypatch.setattr(kth_files, "ALL_VIDEOS", frozenset(VIDEOS))
    folder = tmp_path / "raw" / "kth"
    for number, name in enumerate(VIDEOS):
        ending = "_uncomp.avi" if number % 2 else ".avi"
        write_video(folder / "deep" / f"{name}{ending}", base=number)
    write_boundaries(folder, BOUNDARIES)
    return folder


def config(raw: Path, **changes) -> KthData:
    settings = {
        "root": raw.parent,
        "prepared": raw.parent.parent / "prepared",
        "frame_px": (12, 16),
        "context_frames": 2,
        "predict_frames": 3,
        "validation_persons": (3,),
    }
    return KthData(**{**settings, **changes})


# --- windows ---


def test_the_worked_example_of_the_released_rule():
    hundred = range(1, 101)
    assert windows.released(hundred, 30, 30) == [11, 41, 71]
    assert windows.released(hundred, 30, 3) == list(range(2, 72, 3))
    assert windows.released(range(1, 30), 30, 30) == []
    assert windows.released(range(5, 35), 30, 30) == [5]


def test_windows_run_across_joining_sequences_and_never_across_a_gap():
    joined = [*range(1, 7), *range(7, 15)]
    assert windows.released(joined, 10, 10) == [5]
    gap = [*range(1, 7), *range(8, 16)]
    assert windows.released(gap, 10, 10) == []
    assert windows.released(gap, 6, 6) == [1, 10]
    assert windows.sliding(gap, 6, 1) == [1, 8, 9, 10]
    assert windows.sliding(gap, 4, 2) == [1, 3, 8, 10, 12]
    assert windows.sliding([], 4, 2) == []


def program(videos: list[tuple[int, list[int]]], total: int) -> list[tuple[int, int]]:
    """The released program, literally: one list of all frames, scanned from its end."""
    marks = [(v, group, n) for v, (group, frames) in enumerate(videos) for n in frames]
    found, index = [], len(marks) - 1
    while index >= total - 1:
        (video, group, last), (first_video, _, first) = marks[index], marks[index - total + 1]
        if video == first_video and last - first == total - 1:
            found.append((video, first))
            index -= total - 1 if group == 1 else 2
        index -= 1
    return found


def test_video_by_video_is_what_the_program_does_with_one_list():
    draw = random.Random(0)
    for total in (3, 5, 8):
        videos = []
        for _ in range(12):
            kept = [n for n in range(1, draw.randint(2, 60)) if draw.random() < 0.93]
            videos.append((draw.choice([1, 2]), kept))
        ours = [
            (video, first)
            for video, (group, frames) in enumerate(videos)
            for first in windows.released(frames, total, total if group == 1 else 3)
        ]
        assert ours == program(videos, total)[::-1]


# --- what is prepared ---


def test_clips_are_the_frames_that_they_say(raw):
    prepared = prepare(config(raw), report=silent)
    sources = {
        s: [prepared.split(s).source(i) for i in range(len(prepared.split(s)))] for s in SPLITS
    }
    assert sources == {
        "train": [
            "kth/person01_boxing_d1 frames 5-9",
            "kth/person01_boxing_d1 frames 10-14",
            "kth/person02_running_d2 frames 3-7",
            "kth/person02_running_d2 frames 10-14",
        ],
        "validation": ["kth/person03_walking_d1 frames 5-9"],
        "test": [f"kth/person17_jogging_d1 frames {n}-{n + 4}" for n in (1, 4, 7, 10)],
    }
    clip = prepared.split("test")[1]
    assert clip.shape == (5, 12, 16, 1)
    for place, number in enumerate(range(4, 9)):
        gray = 12 * number + VIDEOS.index("person17_jogging_d1")
        np.testing.assert_allclose(clip[place, :, :8, 0], gray, atol=3)
        np.testing.assert_allclose(clip[place, :, 8:, 0], gray + 30, atol=3)
    assert prepared.facts["persons"] == {"train": [1, 2], "validation": [3], "test": [17]}
    assert prepared.facts["counts"] == {"train": 4, "validation": 1, "test": 4}
    assert (prepared.facts["title"], prepared.facts["label"]) == ("KTH", "")
    assert prepared.verify() == []


def test_no_frame_after_the_last_boundary_is_used_without_boundaries_all_are(raw):
    write_boundaries(raw, {**BOUNDARIES, "person17_jogging_d1": "1-8"})
    assert prepare(config(raw), report=silent).facts["counts"]["test"] == 2
    (raw / "00sequences.txt").unlink()
    lines = []
    facts = prepare(config(raw), report=lines.append).facts
    assert (facts["counts"]["test"], facts["boundaries"]) == (4, "none")
    assert lines[0] == "KTH: no 00sequences.txt: each video is one sequence from its first frame"


def test_scaling_is_bilinear_without_antialiasing(raw):
    """At a quarter of the size a pixel is the mean of the middle 2x2 of its 4x4."""
    path = raw / "deep" / "person17_jogging_d1_uncomp.avi"
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, 120, 160, 1), np.uint8)
    write_frames(path, np.broadcast_to(noise, (FRAMES, 120, 160, 3)))
    clip = prepare(config(raw, frame_px=(30, 40)), report=silent).split("test")[0]
    capture = cv2.VideoCapture(str(path))
    red = capture.read()[1][..., 2].astype(float)
    capture.release()
    middle = red.reshape(30, 4, 40, 4)[:, 1:3, :, 1:3].mean(axis=(1, 3))
    np.testing.assert_allclose(clip[0, ..., 0], middle, atol=0.75)


def test_three_channels_are_red_green_and_blue(raw):
    path = raw / "deep" / "person17_jogging_d1_uncomp.avi"
    write_frames(path, np.full((FRAMES, 120, 160, 3), (30, 90, 200), np.uint8))  # blue, green, red
    clip = prepare(config(raw, channels=3), report=silent).split("test")[0]
    assert clip.shape == (5, 12, 16, 3)
    np.testing.assert_allclose(clip.reshape(-1, 3).mean(axis=0), [200, 90, 30], atol=3)
    gray = prepare(config(raw), report=silent).split("test")[0]
    np.testing.assert_array_equal(gray, clip[..., :1])


def test_sliding_windows(raw):
    made = prepare(config(raw, windows="sliding", stride=2), report=silent)
    assert made.facts["counts"] == {"train": 5 + 3, "validation": 2, "test": 5}


def test_zips_give_the_same_data_as_the_files_in_them(raw, tmp_path):
    expected = prepare(config(raw), report=silent)
    zips = tmp_path / "zipped" / "kth"
    zips.mkdir(parents=True)
    write_boundaries(zips, BOUNDARIES)
    for number, path in enumerate(sorted((raw / "deep").iterdir())):
        with zipfile.ZipFile(zips / f"{number}.zip", "w") as archive:
            archive.write(path, f"../../evil/{path.name}")  # a path that would lead outside
            archive.writestr("../../evil/readme.txt", "x")
    before = set(tmp_path.rglob("*"))
    other = config(raw, root=tmp_path / "zipped", prepared=tmp_path / "other")
    made = prepare(other, report=silent)
    assert made.hash == expected.hash
    assert set(tmp_path.rglob("*")) - before == {
        tmp_path / "other", made.folder, *made.folder.iterdir()
    }  # fmt: skip
    for split in SPLITS:
        for index in range(len(expected.split(split))):
            np.testing.assert_array_equal(made.split(split)[index], expected.split(split)[index])


def test_what_is_prepared_is_found_without_decoding(raw, monkeypatch):
    made = prepare(config(raw), report=silent)
    monkeypatch.setattr(kth_files, "count_frames", None)
    assert prepare(config(raw), report=silent).folder == made.folder
    assert open_prepared(config(raw)).folder == made.folder
    for change in ({"frame_px": (14, 16)}, {"windows": "sliding", "stride": 1}, {"root": None}):
        same = "root" in change
        if same:
            assert open_prepared(config(raw, **change)).folder == made.folder
        else:
            with pytest.raises(DataError, match="no kth prepared"):
                open_prepared(config(raw, **change))


def test_records_serve_where_the_videos_are_not(raw, tmp_path):
    """The records were taken to a machine without KTH, or KTH's disk is away."""
    made = prepare(config(raw), report=silent)
    moved = tmp_path / "moved"
    made.folder.parent.rename(moved)
    (tmp_path / "kth").mkdir()
    for root in (None, tmp_path):  # no folder of raw data, and an empty one
        again = prepare(config(raw, root=root, prepared=moved), report=silent)
        assert (again.hash, again.folder.parent) == (made.hash, moved)
    with pytest.raises(DataError, match=r"csc\.kth\.se"):
        prepare(config(raw, root=None, prepared=moved, frame_px=(14, 16)), report=silent)


def test_decoding_shows_how_far_it_is(raw):
    console = Console(record=True, force_terminal=False)
    prepare(config(raw), report=silent, console=console)
    said = console.export_text()
    assert "decoding videos: 4/4" in said
    assert "writing clips: 9/9" in said


# --- what is wrong is said by name ---


def spoil(raw: Path) -> None:
    """One unreadable video, one too short, one of no name, one zip that is none."""
    (raw / "deep" / "person01_boxing_d1.avi").write_bytes(b"RIFF" + bytes(5_000))
    write_video(raw / "deep" / "person02_running_d2_uncomp.avi", frames=12)
    write_video(raw / "person04_dancing_d1.avi", frames=2)
    (raw / "boxing.zip").write_bytes(b"PK not a zip")


SAID = [
    "person01_boxing_d1.avi: does not decode; left out",
    "person02_running_d2_uncomp.avi: has 12 frames, 14 are announced; left out",
    "person04_dancing_d1.avi: not the name of a KTH video; left out",
    "boxing.zip: not a whole zip file (File is not a zip file); left out",
]


def test_every_unusable_video_is_named_and_nothing_is_written(raw):
    spoil(raw)
    lines = []
    with pytest.raises(DataError) as caught:
        prepare(config(raw), report=lines.append)
    for said in SAID:
        assert [line for line in lines if line.endswith(said)], said
    (message,) = str(caught.value).splitlines()
    assert "2 of 4 videos can be used, 0 are not there, 4 files are unusable" in message
    assert "no window" in message  # two videos are too few for three splits
    assert not (raw.parent.parent / "prepared").exists()


def test_the_rest_is_prepared_but_serves_only_who_allows_it(raw):
    write_video(raw / "person02_running_d9.avi")  # a name that KTH does not have
    lines = []
    with pytest.raises(DataError) as caught:
        prepare(config(raw), report=lines.append)
    (message,) = str(caught.value).splitlines()
    assert "4 of 4 videos can be used" in message
    assert "1 files are unusable" in message
    assert "--allow-missing" in message
    assert [line for line in lines if "person02_running_d9.avi: not the name" in line]
    with pytest.raises(DataError, match="no kth prepared"):
        open_prepared(config(raw))
    lines.clear()
    prepare(config(raw, allow_missing=True), report=lines.append)
    assert [line for line in lines if line.startswith("using")]  # not written again


def test_the_command_ends_with_1_unless_missing_videos_are_allowed(raw, capsys):
    write_video(raw / "person02_running_d9.avi")
    keys = ("root", "prepared", "frame_px", "context_frames", "predict_frames")
    asked = config(raw).model_dump(mode="json", include={*keys, "validation_persons"})
    sets = [word for key, value in asked.items() for word in ("--set", f"data.{key}={value}")]
    command = ["data", "prepare", "e3d_kth", *sets, "--set", "model.patch_px=2"]
    command += ["--set", "training.validation_clips=1", "--set", "evaluation.samples=1"]
    command += ["--set", "evaluation.metrics=[mse]", "--set", "training.global_batch=1"]
    assert main(command) == 1
    captured = capsys.readouterr()
    assert "person02_running_d9.avi: not the name of a KTH video; left out" in captured.out
    assert "--allow-missing" in captured.err
    assert main([*command, "--allow-missing"]) == 0
    assert "terms of use" in capsys.readouterr().out


def test_what_ffmpeg_says_does_not_bury_what_we_say(tmp_path, root):
    """FFmpeg would print "moov atom not found" about such a file."""
    path = tmp_path / "person04_boxing_d1.avi"
    path.write_bytes(bytes(3) + b"\x14ftypisom" + bytes(99))
    count = f"from tfvp.data.kth.frames import count_frames as c; c(Path({str(path)!r}))"
    said = subprocess.run(
        [sys.executable, "-c", f"from pathlib import Path\n{count}"],
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True
    ).stderr  # fmt: skip
    assert said == ""


def test_the_rest_is_used_when_that_is_allowed(raw):
    spoil(raw)
    write_video(raw / "deep" / "person01_boxing_d1.avi")
    made = prepare(config(raw, allow_missing=True), report=silent)
    assert made.facts["persons"]["train"] == [1]
    assert (made.facts["videos"], made.facts["comparable"]) == (3, False)
    assert made.facts["title"] == "KTH (3 of 4 videos)"
    assert len(made.facts["left_out"]) == 3
    with pytest.raises(DataError, match="no kth prepared"):  # what is incomplete serves no other
        open_prepared(config(raw))


def test_a_video_that_is_not_there(raw):
    (raw / "deep" / "person03_walking_d1.avi").unlink()
    lines = []
    with pytest.raises(DataError, match="3 of 4 videos can be used, 1 are not there"):
        prepare(config(raw), report=lines.append)
    assert lines[-1] == "KTH: 1 of 4 videos are not there: person03_walking_d1"
    with pytest.raises(DataError, match=r"no window of 5 frames for the validation split .*3\)"):
        prepare(config(raw, allow_missing=True), report=silent)


def test_the_same_video_twice(raw):
    copy = raw / "person01_boxing_d1_uncomp.avi"
    copy.write_bytes((raw / "deep" / "person01_boxing_d1.avi").read_bytes())
    assert prepare(config(raw), report=silent).facts["comparable"]
    write_video(copy, base=9)
    lines = []
    with pytest.raises(DataError, match="1 files are unusable"):
        prepare(config(raw, prepared=raw.parent / "other"), report=lines.append)
    assert lines[1].endswith("person01_boxing_d1_uncomp.avi: differs from person01_boxing_d1.avi; "
                             "left out")  # fmt: skip


def test_no_kth_says_where_to_get_it_and_what_is_read(tmp_path, raw):
    for root, said in ((tmp_path, "no such folder"), (None, "TFVP_DATA")):
        with pytest.raises(DataError, match=said) as caught:
            prepare(config(raw, root=root), report=silent)
        (message,) = str(caught.value).splitlines()
        assert "csc.kth.se" in message
        assert "<data.root>/kth" in message
    (tmp_path / "kth").mkdir()
    with pytest.raises(DataError, match="no video of KTH"):
        prepare(config(raw, root=tmp_path), report=silent)


@pytest.mark.parametrize(
    "line", ["1-95, 96", "1-95 96-185", "95-1", "0-10", "from 1", "", "1-9, , 10-12"]
)
def test_boundaries_that_cannot_be_understood(raw, line):
    write_boundaries(raw, {**BOUNDARIES, "person17_jogging_d1": line})
    with pytest.raises(DataError, match=r"00sequences.txt:6: expected e.g. 'person01_boxing_d1"):
        prepare(config(raw), report=silent)


def test_a_video_that_changes_while_it_is_read_leaves_nothing(raw, monkeypatch):
    short = kth.read_frames
    monkeypatch.setattr(kth, "read_frames", lambda *args: short(*args)[:3])
    kth._decoded.clear()
    with pytest.raises(DataError, match="changed while it was read"):
        prepare(config(raw), report=silent)
    assert list((raw.parent.parent / "prepared").iterdir()) == []
    kth._decoded.clear()


# --- what tables are told ---


def test_a_complete_kth_is_compared_with_table_42_and_a_part_of_it_is_not(raw):
    (table,) = [t for t in load_published().tables if t.id == "4.2"]
    experiment = load_config("e3d_residual_kth")

    def settings(videos: int) -> dict:
        facts = {"title": "KTH", "videos": videos}
        return run_metadata(experiment, facts, steps=1, checkpoint="x").data_settings

    complete = settings(len(kth_files_all()))
    assert {k: complete[k] for k in table.protocol} == table.protocol
    assert settings(14)["videos"] != table.protocol["videos"]
    quick = load_config("e3d_residual_kth", preset="quick")
    assert "not comparable" in quick.label
    assert "14" not in quick.label  # whatever the preset is run on, its label holds


def kth_files_all() -> set[str]:
    """The names as the official page counts them: 25 x 6 x 4, less the one that is missing."""
    actions = ("walking", "jogging", "running", "boxing", "handwaving", "handclapping")
    names = itertools.product(range(1, 26), actions, range(1, 5))
    every = {f"person{p:02}_{action}_d{s}" for p, action, s in names}
    return every - {"person13_handclapping_d3"}


def test_all_videos_are_those_of_the_official_page():
    assert kth_files.ALL_VIDEOS == kth_files_all()
    assert len(kth_files.ALL_VIDEOS) == 599
