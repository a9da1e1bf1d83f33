"""Fetches the files of a pretrained network from the Hugging Face Hub or from a web server.

Only files that a preset has are ever written, under their own names; what arrives is checked like
any other preset when it is opened.
"""

import hashlib
import importlib.util
import zipfile
from pathlib import Path, PurePosixPath
from typing import get_args

from tfvp.errors import WeightsError, first_line
from tfvp.presets.folder import CARD, RECORD, FileName, Preset
from tfvp.system.files import creating, write_bytes

HUB = "hf://"
FILES = (RECORD, *get_args(FileName), CARD)
BYTES_MAX = 8 * 2**30  # of one file; a forged archive may claim any size


def from_hub(address: str) -> Path:
    """Return the local folder of `hf://ORG/NAME`, as the Hub's own client keeps it.

    Raises:
        WeightsError: the client is not installed, there is no connection or no such preset.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise WeightsError(
            f"{address}: needs the Hub's client, which is not installed; pip install "
            "huggingface-hub, or give a preset's folder"
        )
    from huggingface_hub import snapshot_download  # pyright: ignore[reportMissingImports]

    try:
        folder = Path(snapshot_download(address.removeprefix(HUB), allow_patterns=list(FILES)))
    except Exception as error:  # the client raises whatever its HTTP library does
        raise WeightsError(f"{address}: cannot be fetched: {first_line(error)}") from None
    if not (folder / RECORD).is_file():
        raise WeightsError(f"{address}: holds no preset of tfvp: it has no {RECORD}")
    return folder


def from_https(address: str) -> Path:
    """Return the local folder of a preset at `https://…/NAME.zip` or in the folder `https://…/NAME`.

    It is fetched once and kept in the user's cache folder; remove it there to fetch it again.

    Raises:
        WeightsError: there is no connection, or what arrives is no preset.
    """
    import pooch

    url = address.rstrip("/")
    place = Path(pooch.os_cache("tfvp")) / "presets" / hashlib.sha256(url.encode()).hexdigest()[:12]
    folder = place / PurePosixPath(url).name.removesuffix(".zip")
    if folder.is_dir():
        return folder
    try:
        place.mkdir(parents=True, exist_ok=True)
        with creating(folder) as temporary:
            temporary.mkdir()
            if url.endswith(".zip"):
                _unpack(Path(_fetch(url, temporary / ".archive")), temporary)
            else:
                _fetch_files(url, temporary)
    except WeightsError:
        raise
    except Exception as error:  # the client raises whatever its HTTP library does
        raise WeightsError(f"{address}: cannot be fetched: {first_line(error)}") from None
    return folder


def _fetch(url: str, path: Path, sha256: str | None = None) -> str:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it says more than a user asked for
    return pooch.retrieve(url, known_hash=sha256, fname=path.name, path=path.parent)


def _fetch_files(url: str, folder: Path) -> None:
    """Fetch preset.json, then the files that it lists, and the card."""
    _fetch(f"{url}/{RECORD}", folder / RECORD)
    for name, known in Preset(folder).record.files.items():
        _fetch(f"{url}/{name}", folder / name, known.sha256)


def _unpack(archive: Path, folder: Path) -> None:
    """Take the files of a preset out of a zip, in which they may lie in a folder."""
    with zipfile.ZipFile(archive) as packed:
        records = [name for name in packed.namelist() if PurePosixPath(name).name == RECORD]
        if len(records) != 1:
            raise WeightsError(f"the archive holds {len(records)} files {RECORD}, expected one")
        inside = records[0].removesuffix(RECORD)
        for name in FILES:
            if inside + name in packed.namelist():
                entry = packed.getinfo(inside + name)
                if entry.file_size > BYTES_MAX:
                    raise WeightsError(f"{entry.filename}: {entry.file_size} bytes are too many")
                write_bytes(folder / name, packed.read(entry))
    archive.unlink()
