"""Verifies shards: whether their bytes are those that were written, and which records are not."""

from pathlib import Path

from tfvp.data.manifest import Manifest, sha256_of
from tfvp.data.records import FOOTER_BYTES, HEADER_BYTES, RecordReader, Shard, framed
from tfvp.errors import DataError


def altered_shards(folder: Path, manifest: Manifest) -> list[tuple[str, Path]]:
    """Return (split, file) of every shard whose sha256 is not that of its manifest."""
    return [
        (split, folder / shard.name)
        for split, entry in manifest.splits.items()
        for shard in entry.shards
        if sha256_of(folder / shard.name) != shard.sha256
    ]


def damaged_records(reader: RecordReader) -> list[str]:
    """Check every record of a split: TFRecord checksums, number, shape, and crc32 of the frames.

    Returns:
        one line for each damaged record, naming shard and record; an empty list if all are whole.
    """
    problems, index = [], 0
    for shard in reader.shards:
        broken = _broken_frames(shard)
        for place in range(len(shard.offsets)):
            try:
                reader.record(index)
                if place in broken:
                    problems.append(
                        f"{shard.path}: record {place} (clip {index} of {reader.split}) is "
                        "damaged: its TFRecord checksums do not agree"
                    )
            except DataError as error:
                problems.append(str(error))
            index += 1
    return problems


def _broken_frames(shard: Shard) -> set[int]:
    """Return the places, in the shard, of records whose TFRecord length or checksums are wrong."""
    written = shard.path.read_bytes()
    spans = [shard.span(place) for place in range(len(shard.offsets))]
    return {
        n
        for n, (start, stop) in enumerate(spans)
        if written[start:stop] != framed(written[start + HEADER_BYTES : stop - FOOTER_BYTES])
    }
