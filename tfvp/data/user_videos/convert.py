"""What the command `tfvp data convert` asks for, as changes of a configuration's data section."""

import json
from collections.abc import Mapping
from pathlib import Path

CONFIG = "e3d_residual_clips"  # the configuration that is changed where none is named
OPTIONS = {
    "frame_px": ("--size", "HxW", "size of a frame, e.g. 64x64"),
    "channels": ("--channels", "N", "1 (gray) or 3 (colour)"),
    "fit": ("--fit", "HOW", "resize (the ratio is not kept) or pad (with black)"),
    "fps": ("--fps", "RATE", "take so many frames a second of a video"),
    "stride": ("--stride", "N", "frames between the starts of two clips (default: clips meet)"),
    "shares": ("--shares", "A,B,C", "shares of the sources: train,validation,test"),
}
"""Key of the data section -> the option that sets it, its value's placeholder, its help."""


def overrides(source: Path, out: Path, options: Mapping[str, str | None]) -> list[str]:
    """Return the changes of a configuration, each as KEY=VALUE.

    Args:
        source: a folder of videos, frame folders or arrays, or one of them.
        out: the folder of the prepared data.
        options: texts from the command line by a key of OPTIONS; None: not given.
    """
    listed = {
        key: f"[{text.lower().replace('x', ',')}]" if key in ("frame_px", "shares") else text
        for key, text in options.items()
        if text is not None
    }
    return [
        "data.dataset=clips",
        f"data.source={json.dumps(str(source))}",
        f"data.prepared={json.dumps(str(out))}",
        *(f"data.{key}={value}" for key, value in listed.items()),
    ]
