"""Films: frames and times that come back, what is damaged, what is refused, what is checked."""

import errno
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from tfvp.errors import DataError
from tfvp.system import video
from tfvp.system.video import Film, write_film, write_gif


def put_film(path: Path, times: list[int], codec: str = "libx264", size=(24, 32)) -> Path:
    """A film whose frame n is gray 5 n, shown from `times[n]` hundredths of a second on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, 100)
        stream.height, stream.width = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 5 * number % 256, np.uint8))
            frame.pts, frame.time_base = time, Fraction(1, 100)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


def noisy_avi(path: Path, frames: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mjpeg", 25)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuvj420p"
        for _ in range(frames):
            noise = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(noise)))
        film.mux(stream.encode())
    return path


@pytest.mark.parametrize("fps", [12.5, 30000 / 1001])
def test_what_is_written_comes_back(tmp_path, fps):
    frames = [np.full((25, 33, 3), (200, 5 * n, 10), np.uint8) for n in range(20)]
    path = tmp_path / "a \U0001f600 b.mp4"  # a character beyond the basic plane
    write_film(path, frames, fps)
    film = Film(path)
    found = list(film)
    assert (film.decoded, film.announced, film.damage) == (20, 20, "")
    assert film.fps == pytest.approx(fps, rel=1e-4)
    assert [frame.number for frame in found] == list(range(20))
    np.testing.assert_allclose([f.seconds for f in found], np.arange(20) / fps, atol=1e-3)
    for frame, true in zip(found, frames, strict=True):
        assert frame.pixels.shape == (26, 34, 3)  # sides are even
        assert np.abs(frame.pixels[:25, :33].astype(int) - true).max() < 8
    with av.open(str(path)) as opened:
        codec = opened.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays before all is there


def test_times_are_the_files_own(tmp_path):
    times = [*range(0, 100, 4), *range(100, 500, 20)]
    film = Film(put_film(tmp_path / "a.mp4", times))
    assert [round(frame.seconds * 100) for frame in film] == times
    assert film.damage == ""


@pytest.mark.parametrize("kept", [0.5, 0.7, 0.8, 0.97])
def test_a_film_that_is_cut_short_says_so(tmp_path, kept):
    whole = noisy_avi(tmp_path / "a.avi")
    assert len(list(Film(whole))) == 20
    content = whole.read_bytes()
    (tmp_path / "b.avi").write_bytes(content[: int(kept * len(content))])
    film = Film(tmp_path / "b.avi")
    found = len(list(film))
    if found < 20:
        assert f"{found} of 20 announced frames are there" in film.damage
    assert found < 20 or kept > 0.95  # the index behind the frames is not needed


def test_frames_inside_that_cannot_be_decoded_leave_their_numbers_out(tmp_path):
    path = noisy_avi(tmp_path / "a.avi")
    content = bytearray(path.read_bytes())
    begin = content.index(b"movi")
    frames = [at for at in range(begin, len(content) - 4) if content[at : at + 4] == b"00dc"]
    content[frames[5] + 8 : frames[6]] = bytes(frames[6] - frames[5] - 8)
    path.write_bytes(content)
    film = Film(path)
    assert [frame.number for frame in film] == [n for n in range(20) if n != 5]
    assert "1 frames cannot be decoded" in film.damage


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no such thing",
        b"ffconcat version 1.0\nfile secret.avi\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.avi\n#EXT-X-ENDLIST\n",
        b"secret%d.jpg\n",
    ],
)
def test_a_text_that_is_named_as_a_film_opens_no_other_file(tmp_path, content):
    noisy_avi(tmp_path / "secret.avi")
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mp4: cannot be read as a video") as caught:
        list(Film(tmp_path / "a.mp4"))
    assert "\n" not in str(caught.value)


def test_frames_that_would_take_all_memory_are_refused(tmp_path, monkeypatch):
    path = put_film(tmp_path / "a.mp4", [0, 4])
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", 100)
    with pytest.raises(DataError, match="frames of 24x32 are too large, at most 100 pixels"):
        list(Film(path))


def test_a_film_that_lost_frames_on_the_way_to_the_disk_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(video.Film, "_judge", lambda *_: None)
    real = video.Film.__iter__
    monkeypatch.setattr(video.Film, "__iter__", lambda film: iter(list(real(film))[:-1]))
    frames = [np.zeros((8, 8, 3), np.uint8)] * 5
    with pytest.raises(DataError, match=r"a\.mp4: only 4 of 5 frames can be read again"):
        write_film(tmp_path / "a.mp4", frames, 10)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_a_full_disk_is_an_error(name):
    """/dev/full takes nothing."""
    full = Path("/dev/full")
    frames = [np.random.default_rng(n).integers(0, 255, (64, 64, 3), np.uint8) for n in range(50)]
    write = {"a.mp4": lambda: write_film(full, frames, 10)}
    write["a.gif"] = lambda: write_gif(full, map(Image.fromarray, frames), 100)
    with pytest.raises(OSError, match="No space left") as caught:
        write[name]()
    assert caught.value.errno == errno.ENOSPC


def test_a_gif_keeps_every_colour_it_can(tmp_path):
    colours = np.arange(250, dtype=np.uint8).reshape(10, 25)
    pictures = [
        Image.fromarray(np.stack([colours, colours[::-1], colours // 2], -1) + n) for n in (0, 3)
    ]
    write_gif(tmp_path / "a.gif", iter(pictures), 80)
    with Image.open(tmp_path / "a.gif") as found:
        assert found.info["loop"] == 0
        frames = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(found)]
    np.testing.assert_array_equal(frames, [np.asarray(picture) for picture in pictures])
