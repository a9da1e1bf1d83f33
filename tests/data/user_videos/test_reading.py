"""What a user's files are taken for: axes, times, values, and what is missing or lost of them."""

import io
import shlex
import struct
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.data.user_videos.test_dataset import config_of, put_gif, put_images, shades
from tests.helpers.small_data import silent
from tests.system.test_video import noisy_avi, put_film
from tfvp.cli.main import main
from tfvp.data.prepare import prepare
from tfvp.data.user_videos import arrays
from tfvp.data.user_videos.arrays import Values
from tfvp.data.user_videos.files import Reading, UserVideo, find_user_videos
from tfvp.data.user_videos.framing import FrameFormat, ReadVideo, read_video
from tfvp.data.user_videos.images import numbers_of
from tfvp.errors import DataError

PLAIN = FrameFormat((24, 32), 1, "resize", None)


def read(place: Path, reading: Reading | None = None, fps: float | None = None) -> ReadVideo:
    (video,), _ = find_user_videos(place, reading)
    read_video.clear()
    return read_video(video, FrameFormat((24, 32), 1, "resize", fps))


def names(videos: list[UserVideo]) -> list[str]:
    return [video.name for video in videos]


# --- axes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("TNHW", (6, 3, 24, 32)),  # the file of Moving MNIST that Toronto gives
        ("NTHW", (3, 6, 24, 32)),
        ("TCHW", (6, 1, 24, 32)),
        ("CTHW", (1, 6, 24, 32)),
        ("NTCHW", (3, 6, 1, 24, 32)),
        ("TNCHW", (6, 3, 1, 24, 32)),
        ("TNHWC", (6, 3, 24, 32, 1)),
    ],
)
def test_axes_are_asked_for_and_followed(tmp_path, axes, shape):
    sizes = {"N": 1, "T": 6, "H": 24, "W": 32, "C": 1} | dict(zip(axes, shape, strict=True))
    clips = np.random.default_rng(0).integers(0, 255, [sizes[a] for a in "NTHWC"], np.uint8)
    absent = tuple(place for place, axis in enumerate("NTHWC") if axis not in axes)
    kept = clips.squeeze(absent)
    order = [axis for axis in "NTHWC" if axis in axes]
    np.save(tmp_path / "a.npy", kept.transpose([order.index(axis) for axis in axes]))
    if axes != "TNHWC":  # looks like many clips as tfvp writes them
        with pytest.raises(DataError, match=f"several ways, say which: .*--axes {axes}: "):
            find_user_videos(tmp_path / "a.npy")
    videos, notes = find_user_videos(tmp_path / "a.npy", Reading(axes=axes))
    whole = " × ".join(str(sizes[axis]) for axis in "NTHWC")
    assert notes == [f"a.npy: {whole} (sources × frames × H × W × channels)"]
    for video, clip in zip(videos, clips, strict=True):
        np.testing.assert_array_equal(read_video(video, PLAIN).frames, clip)


def test_axes_that_do_not_fit(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((6, 3, 24, 32), np.uint8))
    with pytest.raises(DataError, match=r"\(6, 3, 24, 32\) is no NTHWC; it fits TCHW, NTHW, TNHW"):
        find_user_videos(tmp_path / "a.npy", Reading(axes="NTHWC"))
    np.save(tmp_path / "a.npy", np.zeros((48, 64, 3), np.uint8))  # one picture
    with pytest.raises(DataError, match=r"expected \(T, H, W\)"):
        find_user_videos(tmp_path / "a.npy")


def test_labels_beside_clips_are_left_aside_and_keys_chosen(tmp_path):
    clips = np.zeros((3, 6, 24, 32, 1), np.uint8)
    path = tmp_path / "a.npz"
    np.savez(path, x=clips, y=np.arange(3), names=np.array(["a", "b", "c"]), more=clips[:1])
    videos, notes = find_user_videos(path)
    assert names(videos) == ["a.npz[more][0]", *(f"a.npz[x][{n}]" for n in range(3))]
    assert f"{path}[y]: (3,) int64, not a clip; left aside" in notes
    assert f"{path}[names]: (3,) <U1, not a clip; left aside" in notes
    assert "a.npz[x]: 3 × 6 × 24 × 32 × 1 (sources × frames × H × W × channels)" in notes
    assert len(find_user_videos(path, Reading(arrays=("x",))).videos) == 3
    with pytest.raises(DataError, match="has no array 'z'; it has more, names, x, y"):
        find_user_videos(path, Reading(arrays=("z",)))


def test_a_sequence_is_named_as_messages_name_it(tmp_path):
    clips = np.arange(3, dtype=np.uint8)[:, None, None, None, None] + np.zeros((3, 6, 24, 32, 1))
    np.save(tmp_path / "x.npy", clips.astype(np.uint8))
    np.savez(tmp_path / "y.npz", a=clips.astype(np.uint8))
    assert (read(tmp_path / "x.npy[2]").frames == 2).all()
    assert (read(tmp_path / "y.npz[a][1]").frames == 1).all()
    with pytest.raises(DataError, match=r"holds no x.npy\[7\]; it holds x.npy\[0\], x.npy\[1\], "):
        find_user_videos(tmp_path / "x.npy[7]")


# --- headers that lie ----------------------------------------------------------------------------


def header(shape: str, descr: str = "|u1") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (64 - (len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(
    ("shape", "descr"),
    [
        ("(1000000, 1000, 1000)", "|u1"),
        ("(1000000000000,)", "<f8"),
        ("(-5, 24, 32)", "|u1"),
        ("(5, -24, -32)", "|u1"),
        ("(99999999999999999999999, 24, 32)", "|u1"),
        ("(5, 24, 32)", "<U4"),
        ("(5, 24, 32)", "|O"),
        ("(5, 24, 32)", "<c16"),
        ("(5, 24, 32)", "nonsense"),
        ("5", "|u1"),
        ("'five'", "|u1"),
    ],
)
def test_headers_that_claim_what_cannot_be(tmp_path, kind, shape, descr):
    content = header(shape, descr) + bytes(16 * 5 * 24 * 32)
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", content)
    with pytest.raises(DataError) as caught:
        find_user_videos(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_npz_is_refused_by_what_it_unpacks_to(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((50, 24, 32), np.uint8))
    monkeypatch.setattr(arrays, "NPZ_BYTES", 10_000)
    with pytest.raises(DataError, match=r"\[x\]: 38,528 bytes unpacked, at most 10,000 are; save"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_pictures_that_claim_to_be_huge(tmp_path, kind):
    data = io.BytesIO()
    Image.new("L", (8, 8)).save(data, kind)
    content = bytearray(data.getvalue())
    if kind == "gif":
        content[6:10] = struct.pack("<HH", 65535, 65535)
        path = tmp_path / "a.gif"
    else:
        import zlib

        content[16:24] = struct.pack(">II", 100_000, 100_000)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        (tmp_path / "walk").mkdir()
        path = tmp_path / "walk" / "a.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"too large|exceeds limit") as caught:
        read(path if kind == "gif" else path.parent)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_path_with_a_nul_is_one_line(tmp_path, capsys):
    with pytest.raises(DataError, match="a path cannot hold the character NUL"):
        find_user_videos(Path("a\0b"))
    assert main(["data", "convert", "a\0b", "--out", str(tmp_path / "x")]) == 2
    assert main(["data", "inspect", "a\0b"]) == 2
    sets = ["--set", 'data.source="a\\0b"', "--set", "data.dataset=clips"]
    assert main(["config", "--config", "e3d_residual_clips", *sets]) == 2
    assert capsys.readouterr().err.count("\n") == 3


# --- time ----------------------------------------------------------------------------------------


def test_frames_are_taken_by_their_times(tmp_path):
    """25 frames a second for a second, then 5 a second."""
    times = [*range(0, 100, 4), *range(100, 500, 20)]
    path = put_film(tmp_path / "a.mp4", times)
    found = read(path, fps=1.0)
    taken = [times.index(second * 100) for second in range(5)]
    assert np.abs(found.frames[:, 0, 0, 0] - 5.0 * np.array(taken)).max() <= 3
    assert found.numbers == (0, 1, 2, 3, 4)
    fast = read(path, fps=8.0)  # the slow part has too few: each is alone
    runs = np.split(fast.numbers, np.flatnonzero(np.diff(fast.numbers) > 1) + 1)
    assert len(runs[0]) >= 8
    assert max(len(run) for run in runs[1:]) <= 2


def test_a_rate_that_is_almost_the_films_takes_all_of_it(tmp_path):
    times = [round(n * 100 / 29.97) for n in range(60)]
    found = read(put_film(tmp_path / "a.mp4", times), fps=30.0)
    assert len(found.numbers) >= 58
    assert found.numbers[-1] - found.numbers[0] == len(found.numbers) - 1


def test_a_rate_that_is_given_counts_for_folders_and_arrays(tmp_path):
    frames = shades(13)
    put_images(tmp_path / "walk", frames)
    np.save(tmp_path / "b.npy", frames[..., 0])
    for place in (tmp_path / "walk", tmp_path / "b.npy"):
        with pytest.raises(DataError, match="say its rate with --source-fps RATE"):
            read(place, fps=10.0)
        found = read(place, Reading(source_fps=20.0), fps=10.0)
        assert found.frames[:, 0, 0, 0].tolist() == [5 * t + 10 for t in range(0, 13, 2)]


def test_a_gif_whose_frames_stay_for_different_times(tmp_path):
    path = put_gif(tmp_path / "a.gif", shades(6), duration_ms=[100, 100, 300, 100, 400, 100])
    found = read(path, fps=5.0)  # at 0, 0.2, 0.4, 0.6, 0.8, 1
    assert found.frames[:, 0, 0, 0].tolist() == [5 * t + 10 for t in (0, 2, 4, 5)]
    assert found.numbers == (0, 1, 3, 5)


# --- damage and loss -----------------------------------------------------------------------------


def test_a_film_that_was_cut_is_said_and_ends_with_1(tmp_path, capsys):
    noisy_avi(tmp_path / "mine" / "a.avi", 40)
    for other in ("b", "c"):
        noisy_avi(tmp_path / "mine" / f"{other}.avi", 40)
    content = (tmp_path / "mine" / "a.avi").read_bytes()
    (tmp_path / "mine" / "a.avi").write_bytes(content[: len(content) // 2])
    words = ["data", "convert", str(tmp_path / "mine"), "--out", str(tmp_path / "own")]
    words += ["--size", "24x32", "--set", "data.context_frames=3", "--set", "data.predict_frames=2"]
    words += ["--set", "model.patch_px=4"]
    for _ in range(2):  # the second time too
        assert main(words) == 1
        said = capsys.readouterr()
        assert "a.avi: damaged: " in said.out
        assert "of 40 announced frames are there" in said.err
        assert "--allow-missing" in said.err
    assert main([*words, "--allow-missing"]) == 0


def test_clips_do_not_cross_damaged_or_missing_images(tmp_path):
    for name in "bc":
        put_images(tmp_path / "mine" / name, shades(20))
    folder = put_images(tmp_path / "mine" / "a", shades(20))
    for number in range(20):  # 6 is missing, 13 is cut short
        (folder / f"frame{number}.png").rename(folder / f"f{number}.png")
    (folder / "f6.png").unlink()
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    (folder / "f13.png").write_bytes(jpeg[: len(jpeg) // 2])
    lines = []
    made = prepare(config_of(tmp_path, allow_missing=True, stride=1), report=lines.append)
    readers = [made.split(split) for split in made.manifest.splits]
    clips = [reader.source(index) for reader in readers for index in range(len(reader))]
    firsts = {int(clip.split()[-1].split("-")[0]) for clip in clips if clip.startswith("a ")}
    assert firsts == {0, 1, 7, 8, 14, 15}
    assert any("1 numbers are missing, e.g. between f5.png and f7.png" in line for line in lines)
    assert any("a: damaged: f13.png cannot be read (image file is tr" in line for line in lines)
    with pytest.raises(DataError, match=r"f13.png cannot be read .* --allow-missing"):
        prepare(config_of(tmp_path, stride=1), report=silent)


@pytest.mark.parametrize(
    ("found", "numbers"),
    [
        (["a1", "a2", "a4"], [0, 1, 3]),
        (["f000", "f010", "f030"], [0, 1, 3]),
        (["f000", "f010", "f020", "f025"], [0, 1, 2, 3]),  # no numbering
        (["x1_2", "x2_9", "x3_1"], [0, 1, 2]),
        (["a", "b", "d"], [0, 1, 2]),
        (["a1"], [0]),
    ],
)
def test_numbers_in_names(found, numbers):
    assert numbers_of([Path(f"{name}.png") for name in found]) == numbers


def test_sixteen_bits_are_said_and_a_range_is_followed(tmp_path):
    (tmp_path / "depth").mkdir()
    values = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 40
    for number in range(3):
        cv2.imwrite(str(tmp_path / "depth" / f"{number}.png"), values + number)
    found = read(tmp_path / "depth")
    assert found.notes[0].startswith("16 bits are scaled from [0, 65535] to 8; --range LOW HIGH")
    np.testing.assert_array_equal(found.frames[0, ..., 0], np.rint(values / 65535 * 255))
    found = read(tmp_path / "depth", Reading(values=Values(1000, 21000)))
    expected = np.rint(np.clip((values - 1000.0) / 20000, 0, 1) * 255)
    np.testing.assert_array_equal(found.frames[0, ..., 0], expected)
    assert not found.notes
    colours = np.stack([values, values // 2, values // 4], -1)  # blue, green, red
    (tmp_path / "colour").mkdir()
    cv2.imwrite(str(tmp_path / "colour" / "0.png"), colours)
    (video,), _ = find_user_videos(tmp_path / "colour")
    found = read_video(video, FrameFormat((24, 32), 3, "resize", None))
    np.testing.assert_array_equal(found.frames[0], np.rint(colours[..., ::-1] / 65535 * 255))
    assert found.notes


def test_values_of_arrays(tmp_path):
    path, meters = tmp_path / "a.npy", np.linspace(-3, 60, 4 * 24 * 32).reshape(4, 24, 32)
    np.save(path, meters.astype(np.float32))
    with pytest.raises(DataError, match=r"got \[-3, .*--range LOW HIGH"):
        read(path)
    found = read(path, Reading(values=Values(0, 50)))
    expected = np.rint(np.clip(meters.astype(np.float32).astype(float) / 50, 0, 1) * 255)
    np.testing.assert_array_equal(found.frames[..., 0], expected)
    meters[:, :5] = np.nan
    np.save(path, meters)
    with pytest.raises(DataError, match=r"20.83% of its values are NaN.*--nan VALUE"):
        read(path, Reading(values=Values(0, 50)))
    found = read(path, Reading(values=Values(0, 50, nan=50)))
    assert (found.frames[:, :5] == 255).all()
    np.save(path, np.full((4, 24, 32), 300, np.int16))
    with pytest.raises(DataError, match=r"got int16; say which values .*--range LOW HIGH"):
        read(path)
    assert (read(path, Reading(values=Values(0, 600))).frames == 128).all()


def test_alpha_and_the_pages_of_a_tiff(tmp_path):
    frames = shades(4)
    pages = [Image.fromarray(frame) for frame in frames]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    found = read(tmp_path / "stack.tif")
    np.testing.assert_array_equal(found.frames, frames[..., :1])
    (tmp_path / "walk").mkdir()
    Image.new("RGBA", (32, 24), (9, 9, 9, 100)).save(tmp_path / "walk" / "a.png")
    assert read(tmp_path / "walk").notes == ("transparency (alpha) is left out",)
    assert names(find_user_videos(tmp_path).videos) == ["stack.tif", "walk"]


def test_links_to_folders_are_followed_once(tmp_path):
    put_images(tmp_path / "elsewhere" / "walk", shades(3))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "mine" / "back").symlink_to(tmp_path / "mine")
    assert names(find_user_videos(tmp_path / "mine").videos) == ["link/walk"]


# --- the way from files to training --------------------------------------------------------------


def test_what_does_not_fit_says_what_is_there_and_what_makes_it_fit(tmp_path, capsys):
    for name in "abc":
        put_images(tmp_path / "mine" / name, shades(20))
    words = ["data", "convert", str(tmp_path / "mine"), "--out", str(tmp_path / "own")]
    assert main([*words, "--size", "16x24", "--channels", "3"]) == 0
    said = capsys.readouterr().out
    assert "a: 1 × 20 × 24 × 32 × 3 (sources × frames × H × W × channels)" in said
    for purpose, more in (("in minutes", "--preset quick "), ("for real", "")):
        (line,) = [line for line in said.splitlines() if line.startswith(f"train on it {purpose}")]
        assert f": tfvp run --config e3d_residual_clips {more}--set data.prepared=" in line
        assert "--set 'data.frame_px=[16,24]' --set data.channels=3" in line
    with pytest.raises(DataError) as caught:
        prepare(config_of(tmp_path, source=None, prepared=tmp_path / "own"), report=silent)
    assert (
        "it holds clips of 20 frames of 16x24 with 3 channels, which fit with --set "
        "data.frame_px=[16,24] --set data.channels=3 --set data.context_frames=10 "
        "--set data.predict_frames=10"
    ) in str(caught.value)


def test_how_sources_were_read_goes_into_the_configuration_of_a_run(tmp_path, capsys):
    for name in "abc":
        put_images(tmp_path / "mine" / name, shades(20))
    words = ["data", "convert", str(tmp_path / "mine"), "--out", str(tmp_path / "own")]
    words += ["--fps", "5", "--source-fps", "10", "--fit", "resize", "--range", "0", "200"]
    assert main([*words, "--set=data.context_frames=5", "--set=data.predict_frames=5"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    for change in ('data.fit="resize"', "data.fps=5.0", "data.value_range=[0.0, 200.0]"):
        assert change in line
    run = shlex.split(line.partition(": tfvp run ")[2])
    assert main(["config", *run]) == 0
    assert "fps: 5.0" in capsys.readouterr().out


def test_options_of_the_command_line(tmp_path, capsys):
    clips = np.random.default_rng(0).random((6, 3, 24, 32)) * 50
    clips[0, 0, 0, 0] = np.nan
    np.savez(tmp_path / "a.npz", x=clips, y=np.arange(3))
    words = ["data", "convert", str(tmp_path / "a.npz"), "--out", str(tmp_path / "own")]
    words += ["--size", "24x32", "--set", "data.context_frames=3", "--set", "data.predict_frames=2"]
    words += ["--set", "model.patch_px=4"]
    words += ["--axes", "tnhw", "--keys", "x", "--range", "-10", "60", "--nan", "-10"]
    assert main(words) == 0
    assert "clips: train 1, validation 1, test 1" in capsys.readouterr().out
    with pytest.raises(ValueError, match="the first value must be below the second"):
        config_of(tmp_path, value_range=(5, 5))
