"""TensorBoard's event files, written and cut without TensorFlow."""

import os
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore
from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # hparams.api loads TensorFlow
from tensorboard.plugins.text.metadata import create_summary_metadata
from tensorboard.util.tensor_util import make_tensor_proto

from tfvp.data.records import FOOTER_BYTES, HEADER_BYTES, framed

NAMES = "events.out.tfevents.*"
RGB = 3  # of Summary.Image.colorspace


class EventFile:
    """The events of one stretch of training, in a file of their own.

    What earlier stretches wrote of later steps is cut off their files, so that every step is there
    once; a TensorBoard that has read it already is told to forget it.

    Args:
        folder: where the event files of the run lie, made if need be.
        start_step: the number of steps taken so far.
    """

    def __init__(self, folder: Path, start_step: int):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(NAMES):
            cut_after(path, start_step)
        self._file = _new_file(folder)
        self._write(Event(file_version="brain.Event:2"))
        if start_step:
            begin = SessionLog(status=SessionLog.START)
            self._write(Event(session_log=begin, step=start_step + 1))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add numbers by tag."""
        self.values(step, [Summary.Value(tag=t, simple_value=v) for t, v in values.items()])

    def pictures(self, step: int, files: Mapping[str, bytes]) -> None:
        """Add PNG files by tag."""
        found = []
        for tag, png in files.items():
            width, height = struct.unpack_from(">II", png, 16)  # where every PNG says it
            image = Summary.Image(
                width=width, height=height, colorspace=RGB, encoded_image_string=png
            )
            found.append(Summary.Value(tag=tag, image=image))
        self.values(step, found)

    def values(self, step: int, values: list[Summary.Value]) -> None:
        """Add values of any kind."""
        self._write(Event(summary=Summary(value=values), step=step))

    def sync(self) -> None:
        """Have everything on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._file.write(framed(event.SerializeToString()))
        self._file.flush()


def write_settings(folder: Path, run: str, configuration: str, keys: Mapping[str, Any]) -> None:
    """Write what a run was trained with, in place of what was written there before.

    TensorBoard shows the configuration in its tab Text and a row for the run in its tab HParams,
    with the numbers of the event files in the folders below.

    Args:
        folder: the folder above those of the run's other event files.
        run: the run's name.
        configuration: the YAML.
        keys: dotted key -> value; what is no number, text or truth value is written as text.
    """
    for path in folder.glob(NAMES):
        path.unlink()
    events = EventFile(folder, 0)
    simple = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in keys.items()}
    events.values(0, list(hparams_pb(simple, trial_id=run).value))
    text = make_tensor_proto("\n".join(f"    {line}" for line in configuration.splitlines()))
    kind = create_summary_metadata(display_name="configuration", description="")
    events.values(0, [Summary.Value(tag="configuration", tensor=text, metadata=kind)])
    events.close()


def cut_after(path: Path, step: int) -> None:
    """Cut an event file before its first event of a later step, or where it is damaged."""
    end = 0
    for event, stop in _events(path.read_bytes()):
        if event.step > step:
            break
        end = stop
    if end < path.stat().st_size:
        os.truncate(path, end)


def seconds_by_step(folder: Path) -> dict[int, float]:
    """Return how long training had lasted when each step was logged, over all its stretches.

    Args:
        folder: where the event files of the run lie; without any there are no steps.
    """
    found: dict[int, float] = {}
    for path in sorted(folder.glob(NAMES)):
        before, began = max(found.values(), default=0.0), None
        for event, _ in _events(path.read_bytes()):
            began = event.wall_time if began is None else began
            if event.HasField("summary"):
                found[event.step] = before + event.wall_time - began
    return found


def _new_file(folder: Path):
    """Make a file whose name sorts after those of earlier stretches, as TensorBoard reads them."""
    seconds = int(time.time())
    while True:
        try:
            return (folder / f"events.out.tfevents.{seconds:010d}").open("xb")
        except FileExistsError:
            seconds += 1


def _events(data: bytes) -> Iterator[tuple[Event, int]]:
    """Yield each whole event with the position of the byte after it."""
    at = 0
    while at + HEADER_BYTES <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        stop = at + HEADER_BYTES + length + FOOTER_BYTES
        payload = data[at + HEADER_BYTES : stop - FOOTER_BYTES]
        if data[at:stop] != framed(payload):
            return
        yield Event.FromString(payload), stop
        at = stop
