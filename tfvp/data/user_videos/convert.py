"""What the command `tfvp data convert` asks for, and how what it made is trained on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfvp.data.user_videos.config import UserVideosData
from tfvp.sections import DataSection
from tfvp.system.override import Override

CONFIG = "e3d_residual_clips"  # the configuration that is changed where none is named
OPTIONS: dict[str, tuple[str, str | tuple[str, ...], str]] = {
    "frame_px": ("--size", "HxW", "size of a frame, e.g. 64x64"),
    "channels": ("--channels", "N", "1 (gray) or 3 (colour)"),
    "fit": ("--fit", "HOW", "resize (the ratio is not kept) or pad (with black)"),
    "fps": ("--fps", "RATE", "take so many frames a second, by the times at which they stand"),
    "source_fps": ("--source-fps", "RATE", "frames a second of folders of images and arrays"),
    "axes": ("--axes", "ORDER", "order of an array's axes, e.g. TNHW: N sources, T frames"),
    "arrays": ("--keys", "A,B", "arrays of an .npz that are read (default: all clips in it)"),
    "value_range": (
        *("--range", ("LOW", "HIGH")),
        "values that become black and white, for 16 bits, depth, radar",
    ),
    "nan": ("--nan", "VALUE", "what stands in for NaN, in the values of --range"),
    "stride": ("--stride", "N", "frames between the starts of two clips (default: clips meet)"),
    "split_by": ("--split-by", "HOW", "source (default), or time: each source is cut"),
    "shares": ("--shares", "A,B,C", "shares of the sources: train,validation,test"),
}
"""Key of the data section -> the option that sets it, its values' placeholders, its help."""
_READING = (
    "fit",
    "fps",
    "value_range",
    "nan",
)  # by which `tfvp predict` reads an input as the clips


def overrides(
    source: Path, out: Path, options: Mapping[str, str | Sequence[str] | None]
) -> list[str]:
    """Return the changes of a configuration, each as KEY=VALUE.

    Args:
        source: a folder of videos, frame folders or arrays, or one of them.
        out: the folder of the prepared data.
        options: texts from the command line by a key of OPTIONS; None: not given.
    """
    return [
        "data.dataset=clips",
        f"data.source={json.dumps(str(source))}",
        Override(f"data.prepared={json.dumps(str(out))}", "--out"),
        *(
            Override(f"data.{key}={_yaml(key, text)}", OPTIONS[key][0])
            for key, text in options.items()
            if text is not None
        ),
    ]


def _yaml(key: str, text: str | Sequence[str]) -> str:
    if not isinstance(text, str):
        return f"[{', '.join(text)}]"
    if key in ("frame_px", "shares"):
        return f"[{text.lower().replace('x', ',')}]"
    if key == "arrays":
        return json.dumps(text.split(","))
    return text.upper() if key == "axes" else text


def changes(wanted: Mapping[str, Any], config: DataSection) -> list[str]:
    """Return what makes a configuration fit clips, each as KEY=VALUE; none where it does.

    Args:
        wanted: the settings of the clips: `frame_px`, `channels`, `frames`, and how their sources
            were read, which `tfvp predict` takes from a run's configuration.
        config: the data section.
    """
    found = []
    if list(wanted["frame_px"]) != list(config.frame_px):
        found.append("data.frame_px=[{},{}]".format(*wanted["frame_px"]))
    if wanted["channels"] != config.channels:
        found.append(f"data.channels={wanted['channels']}")
    if wanted["frames"] != config.total_frames:
        predicted = wanted["frames"] // 2
        found.append(f"data.context_frames={wanted['frames'] - predicted}")
        found.append(f"data.predict_frames={predicted}")
    own = config.model_dump(mode="json")
    for key in _READING:
        if key in wanted and key in own and wanted[key] != own[key]:
            found.append(f"data.{key}={json.dumps(wanted[key])}")
    return found


def too_short(config: UserVideosData, longest: int, what: str = "source") -> str:
    """Say that no source, or no part of one, holds a clip, and which keys make some of it.

    Args:
        config: the data section.
        longest: how many frames the longest has.
        what: has so many.
    """
    total, predicted = config.total_frames, longest // 2
    said = f"{config.source}: its longest {what} has {longest} frames, a clip has {total}"
    if predicted == 0:
        return f"{said}; give longer ones"
    if longest >= total:
        return f"{said} without a gap; mend what is damaged or missing"
    return (
        f"{said}; give longer ones, or shorten clips: --set data.context_frames="
        f"{longest - predicted} --set data.predict_frames={predicted}"
    )


def does_not_fit(config: UserVideosData, held: Sequence[Mapping[str, Any]]) -> str:
    """Say that no converted clips match, what there are instead, and what makes them fit.

    Args:
        config: the data section.
        held: the settings of the clips that lie in its folder.
    """
    height, width = config.frame_px
    said = (
        f"{config.prepared}: no clips of {config.total_frames} frames of {height}x{width} with "
        f"{config.channels} channels"
    )
    for each in held:
        sets = " ".join(f"--set {change}" for change in changes(each, config))
        size = "{}x{}".format(*each["frame_px"])
        said += (
            f"; it holds clips of {each['frames']} frames of {size} with {each['channels']} "
            f"channels, {f'which fit with {sets}' if sets else 'written by an earlier version'}"
        )
    again = f"tfvp data convert SRC --out {config.prepared}"
    return f"{said}; make others with {again}, or set data.source"
