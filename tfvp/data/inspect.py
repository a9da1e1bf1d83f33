"""Describes prepared data: statistics of every split, a contact sheet, and a preview of clips."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfvp.data.prepare import PreparedData
from tfvp.data.records import RecordReader
from tfvp.drawing.clips import gif, png
from tfvp.errors import DataError
from tfvp.shapes import describe
from tfvp.system.files import write_bytes

SHEET, PREVIEW = "contact_sheet.png", "preview.gif"
SHEET_CLIPS, SHEET_FRAMES, PREVIEW_CLIPS = 6, 10, 4  # at most, of each split or clip
CELL_PX, GAP_PX, LABEL_PX, FONT_PX = 64, 2, 150, 12  # a frame is enlarged to at least CELL_PX
LISTED_SOURCES = 50
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
_PART = re.compile(r" (frames )?[\d+-]+$")  # the end of a record's source: which part of it
_FONT = ImageFont.load_default(FONT_PX)


def describe_data(prepared: PreparedData) -> Iterator[str]:
    """Yield lines that describe prepared data; every clip is read.

    Yields:
        title and label; of each split the number of clips, their shape, the range and mean of their
        values, and their sources; terms and citation.

    Raises:
        DataError: a record is damaged.
    """
    facts = prepared.facts
    yield f"{prepared.folder}: {facts.get('title', prepared.manifest.dataset)}"
    if facts.get("label"):
        yield f"label: {facts['label']}"
    for name in prepared.manifest.splits:
        reader = prepared.split(name)
        low, high, mean, sources = _statistics(reader)
        yield (
            f"{name}: {len(reader):,} clips {describe(reader.shape)} uint8, values {low}-{high}, "
            f"mean {mean:.1f}, from {len(sources):,} sources"
        )
        listed = [f"{source} ({count})" for source, count in sources.most_common(LISTED_SOURCES)]
        left = len(sources) - LISTED_SOURCES
        more = f" and {left:,} more" if left > 0 else ""
        yield f"  {', '.join(listed)}{more}"
    yield from prepared.terms


def _statistics(reader: RecordReader) -> tuple[int, int, float, Counter[str]]:
    """Return minimum, maximum and mean of all values, and the number of clips of each source."""
    low, high, total = 255, 0, 0.0
    sources: Counter[str] = Counter()
    for index in range(len(reader)):
        record = reader.record(index)
        low, high = min(low, int(record.frames.min())), max(high, int(record.frames.max()))
        total += float(record.frames.mean())
        sources[_PART.sub("", record.source)] += 1
    return low, high, total / max(1, len(reader)), sources


def write_pictures(prepared: PreparedData, out: Path) -> list[Path]:
    """Draw a contact sheet and an animation of clips from every split into a folder of their own.

    Args:
        prepared: the data.
        out: a folder, made if need be; one that holds anything but these two files is refused.

    Returns:
        the paths of the two files.

    Raises:
        DataError: the folder holds other files, or a record is damaged.
    """
    others = sorted({p.name for p in out.iterdir()} - {SHEET, PREVIEW}) if out.is_dir() else []
    if others:
        raise DataError(
            f"{out}: holds {others[0]}; give --out a folder of its own for the pictures"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / SHEET, png(contact_sheet(prepared)))
    write_bytes(out / PREVIEW, gif(preview(prepared)))
    return [out / SHEET, out / PREVIEW]


def contact_sheet(prepared: PreparedData) -> Image.Image:
    """Draw a row for each of some clips of every split, with some of its frames, evenly spaced."""
    rows = []
    for name in prepared.manifest.splits:
        reader = prepared.split(name)
        for index in _evenly_spaced(len(reader), SHEET_CLIPS):
            record = reader.record(index)
            shown = record.frames[_evenly_spaced(len(record.frames), SHEET_FRAMES)]
            rows.append((sheet_label(name, index, record.source), [_thumbnail(f) for f in shown]))
    width, height = rows[0][1][0].size
    columns = max(len(cells) for _, cells in rows)
    size = (LABEL_PX + columns * (width + GAP_PX), len(rows) * (height + GAP_PX))
    sheet = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(sheet)
    for row, (label, cells) in enumerate(rows):
        top = row * (height + GAP_PX)
        draw.text((4, top + 4), label, BLACK, _FONT)
        for column, cell in enumerate(cells):
            sheet.paste(cell, (LABEL_PX + column * (width + GAP_PX), top))
    return sheet


def preview(prepared: PreparedData) -> list[Image.Image]:
    """Draw clips side by side, a row for each split and a picture for each frame.

    A clip that is shorter than others stays at its last frame.
    """
    readers = [prepared.split(name) for name in prepared.manifest.splits]
    rows = [[reader[i] for i in _evenly_spaced(len(reader), PREVIEW_CLIPS)] for reader in readers]
    width, height = _thumbnail(rows[0][0][0]).size
    size = (max(map(len, rows)) * (width + GAP_PX), len(rows) * (height + GAP_PX))
    pictures = []
    for frame in range(max(reader.shape[0] for reader in readers)):
        picture = Image.new("RGB", size, WHITE)
        for row, clips in enumerate(rows):
            for column, clip in enumerate(clips):
                at = (column * (width + GAP_PX), row * (height + GAP_PX))
                picture.paste(_thumbnail(clip[min(frame, len(clip) - 1)]), at)
        pictures.append(picture)
    return pictures


def _evenly_spaced(total: int, wanted: int) -> list[int]:
    """Return up to `wanted` of the numbers below `total`, with the first and the last.

    >>> _evenly_spaced(20, 3), _evenly_spaced(2, 5)
    ([0, 10, 19], [0, 1])
    """
    if total <= wanted:
        return list(range(total))
    return [round(i * (total - 1) / (wanted - 1)) for i in range(wanted)]


def _thumbnail(frame: np.ndarray) -> Image.Image:
    """Draw one frame, uint8 (H, W, 1 or 3), enlarged by a whole factor to at least CELL_PX."""
    zoom = -(-CELL_PX // max(frame.shape[:2]))
    colours = np.broadcast_to(frame, (*frame.shape[:2], 3))
    return Image.fromarray(colours.repeat(zoom, axis=0).repeat(zoom, axis=1))


def sheet_label(split: str, index: int, source: str) -> str:
    """Write a clip's label on the contact sheet: three lines that fit into LABEL_PX.

    Args:
        split: the clip's split.
        index: its place there.
        source: its source; of a long file name the end is kept, where takes and suffixes differ.
    """
    file = _PART.sub("", source)
    return "\n".join([f"{split} {index}", _end(file), _end(source[len(file) :].strip())])


def _end(text: str) -> str:
    """Return the longest end of a text that fits, after an ellipsis where it is cut."""
    room = LABEL_PX - 8
    if _FONT.getlength(text) <= room:
        return text
    ends = (f"…{text[start:]}" for start in range(1, len(text)))
    return next(end for end in ends if _FONT.getlength(end) <= room)
