"""Films read frame by frame with the times they stand at, and written as H.264; FFmpeg by PyAV."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.error import FFmpegError
from PIL import Image

from tfvp.errors import DataError

MAX_FRAME_PIXELS = 2**26  # 8192x8192: what decoding asks memory for is known before
# Containers alone: a playlist or a list of images would make FFmpeg open other files and addresses.
_CONTAINERS = "mov,avi,matroska,webm,mpegts,mpeg,flv,asf,ogg"
_INPUT = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
_CODEC, _QUALITY = "libx264", {"crf": "18", "preset": "medium"}
_BT601 = 6  # the matrix that FFmpeg turns RGB into YUV by; players guess another for large frames


class FilmFrame(NamedTuple):
    """A frame of a film."""

    number: int  # in the file, from 0; those of frames that cannot be decoded are left out
    seconds: float  # since the first frame
    pixels: np.ndarray  # uint8 (H, W, 3), red, green, blue


class Film:
    """A film's frames, decoded one after the other; what is wrong with it is known at the end.

    Args:
        path: a file.

    Raises:
        DataError: while its frames are read: it is no film, or its frames are too large.
    """

    def __init__(self, path: Path):
        self.path = path
        self.decoded = 0  # frames so far
        self.announced = 0  # by the file's header; 0: it says nothing
        self.damage = ""  # what is wrong; complete when all frames were read
        self.fps: float | None = None  # by the file's header
        self._undecodable = 0

    def __iter__(self) -> Iterator[FilmFrame]:
        """Yield the frames that can be decoded."""
        with self._open() as container:
            stream = container.streams.video[0]
            self.announced = max(0, stream.frames)
            self.fps = float(stream.average_rate) if stream.average_rate else None
            end = _announced_seconds(container, stream)
            first = covered = None
            for frame, until in self._decode(container, stream):
                covered = max(until, covered or 0.0)
                seconds = covered if frame.time is None else frame.time
                first = seconds if first is None else first
                number = self.decoded + self._undecodable
                self.decoded += 1
                pixels = frame.to_ndarray(format="rgb24")
                turned = np.rot90(pixels, round(frame.rotation / 90) % 4)
                yield FilmFrame(number, seconds - first, np.ascontiguousarray(turned))
            self._judge(end, covered or 0.0)

    def _open(self) -> Any:
        try:
            container = av.open(f"file:{self.path}", options=_INPUT)
        except (FFmpegError, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            raise DataError(
                f"{self.path}: cannot be read as a video ({said}); convert it, or take it away"
            ) from None
        if not container.streams.video:
            container.close()
            raise DataError(f"{self.path}: cannot be read as a video: it has no pictures")
        codec = container.streams.video[0].codec_context
        check_frame_size(self.path, codec.height, codec.width)
        return container

    def _decode(self, container: Any, stream: Any) -> Iterator[tuple[Any, float]]:
        """Yield frames, each with the second until which the file's packets reach by then."""
        until = 0.0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:  # the file ends inside of a packet
                self._undecodable += 1
                return
            if packet is None:
                return
            if packet.pts is not None:
                until = max(until, float((packet.pts + (packet.duration or 0)) * stream.time_base))
            try:
                frames = packet.decode()
            except FFmpegError:
                self._undecodable += 1
                continue
            for frame in frames:
                if packet.is_corrupt or frame.is_corrupt:
                    self._undecodable += 1
                else:
                    yield frame, until

    def _judge(self, end: float | None, covered: float) -> None:
        """Say what is wrong with the film, now that all of it was read."""
        if not self.decoded:
            raise DataError(f"{self.path}: cannot be read as a video; convert it, or take it away")
        said = []
        if self._undecodable:
            said.append(f"{self._undecodable} frames cannot be decoded")
        interval = covered / (self.decoded + self._undecodable)
        if end is not None and end - covered > max(0.5 * interval, 0.001 * end):
            said.append(f"it ends after {covered:.4g} of {end:.4g} seconds")
        if said and self.announced:
            said.append(f"{self.decoded} of {self.announced} announced frames are there")
        self.damage = ", ".join(said)


def _announced_seconds(container: Any, stream: Any) -> float | None:
    """How long the pictures last by the file's header, from 0; None where it does not say."""
    start = float((stream.start_time or 0) * stream.time_base)
    if stream.duration:
        return start + float(stream.duration * stream.time_base)
    if container.duration and len(container.streams) == 1:
        return start + container.duration / av.time_base
    return None


def check_frame_size(path: Path, height: int, width: int) -> None:
    """Raise DataError where a frame is so large that to decode it would take all memory."""
    if height * width > MAX_FRAME_PIXELS:
        raise DataError(
            f"{path}: frames of {height}x{width} are too large, at most {MAX_FRAME_PIXELS:,} "
            "pixels are read; scale them down"
        )


@contextmanager
def _to_write(path: Path, form: str, options: dict[str, str]) -> Iterator[Any]:
    """Open a file to be written; FFmpeg's errors become the system's, with the file's name."""
    try:
        with av.open(f"file:{path}", "w", format=form, options=options) as film:
            yield film
    except FFmpegError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_film(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Write frames as H.264 in an MP4 that browsers and phones play, and read it again.

    Args:
        path: the file.
        frames: uint8 (H, W, 3), all of one size; an odd side gets its last line twice.
        fps: frames a second.

    Raises:
        OSError: it cannot be written, e.g. because the disk is full.
        DataError: what was written does not hold all frames.
    """
    written = 0
    with _to_write(path, "mp4", {"movflags": "faststart"}) as film:
        stream: Any = film.add_stream(_CODEC, Fraction(fps).limit_denominator(60_000), _QUALITY)
        for frame in frames:
            even = np.pad(frame, [(0, n % 2) for n in frame.shape[:2]] + [(0, 0)], mode="edge")
            if not written:
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt, stream.codec_context.colorspace = "yuv420p", _BT601
            film.mux(stream.encode(av.VideoFrame.from_ndarray(even)))
            written += 1
        film.mux(stream.encode())
    reread = Film(path)
    found = sum(1 for _ in reread)
    if found != written or reread.damage:
        raise DataError(f"{path}: only {found} of {written} frames can be read again; is it full?")


def write_gif(path: Path, pictures: Iterable[Image.Image], frame_ms: int) -> None:
    """Write pictures of one size, one after the other, as a GIF that repeats after a second.

    Args:
        path: the file.
        pictures: in colour; each gets a palette of its own.
        frame_ms: how long each is shown, in milliseconds, rounded to hundredths of a second.

    Raises:
        OSError: it cannot be written, e.g. because the disk is full.
    """
    hundredths = round(frame_ms / 10)
    with _to_write(path, "gif", {"final_delay": "100"}) as film:
        stream: Any = film.add_stream("gif", Fraction(100, hundredths))
        for number, picture in enumerate(pictures):
            if not number:
                stream.width, stream.height = picture.size
                stream.pix_fmt = "pal8"
            film.mux(stream.encode(_with_palette(picture)))
        film.mux(stream.encode())


def _with_palette(picture: Image.Image) -> av.VideoFrame:
    quantized = picture.convert("RGB").quantize(255, dither=Image.Dither.NONE)
    palette = np.zeros((256, 4), np.uint8)  # alpha, red, green, blue
    palette[:, 0] = 255
    colours = np.asarray(quantized.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(colours), 1:] = colours
    indexed: Any = (np.asarray(quantized), palette)
    return av.VideoFrame.from_ndarray(indexed, format="pal8")
