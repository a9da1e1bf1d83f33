"""The `tfvp data` commands: prepare, convert, inspect, verify."""

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

from tfvp.cli.console import LineConsole
from tfvp.cli.options import add_set
from tfvp.config.loading import load_config
from tfvp.data import manifest as manifests
from tfvp.data.partial import unfinished_in
from tfvp.data.prepare import PreparedData, prepare
from tfvp.data.user_videos import convert as user_videos
from tfvp.errors import ConfigError, DataError
from tfvp.sections import SPLITS
from tfvp.system.silence import quiet_tensorflow_import


def add_data_commands(commands: Any) -> None:
    """Add `data` and its actions to the subparsers of the `tfvp` parser."""
    data = commands.add_parser("data", help="prepare, convert, inspect and verify data")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")

    prepared = actions.add_parser("prepare", help="write a configuration's data as TFRecords")
    prepared.add_argument("config_name", nargs="?", metavar="NAME", help="a name in configs/")
    prepared.add_argument("--config", metavar="FILE", help="a name in configs/, or a YAML file")
    _add_allow_missing(
        prepared, "prepare what there is of incomplete raw data (data.allow_missing)"
    )
    _add_changes(prepared)
    prepared.set_defaults(command=_prepare)

    convert = actions.add_parser("convert", help="make a dataset of your own videos or arrays")
    convert.add_argument(
        "source", metavar="SRC", help="a folder of videos, frame folders or arrays"
    )
    convert.add_argument("--out", required=True, metavar="DIR", help="where the dataset goes")
    convert.add_argument(
        "--config", default=user_videos.CONFIG, help=f"default: {user_videos.CONFIG}"
    )
    for key, (option, metavar, text) in user_videos.OPTIONS.items():
        count = None if isinstance(metavar, str) else len(metavar)
        convert.add_argument(option, dest=key, metavar=metavar, help=text, nargs=count)
    _add_allow_missing(convert, "use what can be read of damaged files (data.allow_missing)")
    _add_changes(convert)
    convert.set_defaults(command=_convert)

    inspect = actions.add_parser("inspect", help="say and draw what a prepared folder holds")
    inspect.add_argument("folder", metavar="DIR")
    inspect.add_argument(
        "--out", metavar="DIR", help="folder for the two pictures (default: ./<DIR's name>-inspect)"
    )
    inspect.set_defaults(command=_inspect)

    verify = actions.add_parser("verify", help="check every record of a prepared folder")
    verify.add_argument("folder", metavar="DIR")
    verify.set_defaults(command=_verify)


def _add_allow_missing(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--allow-missing", action="store_true", help=text)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", help="one of the presets that the config names")
    add_set(parser, "change one value, e.g. data.seed=1; may be repeated")


def _prepare(arguments: argparse.Namespace) -> int:
    if (arguments.config is None) == (arguments.config_name is None):
        raise ConfigError("tfvp data prepare: expected NAME or --config, exactly one of them")
    name = arguments.config or arguments.config_name
    _prepared(name, arguments.preset, [*arguments.overrides, *_allowed(arguments)])
    return 0


def _allowed(arguments: argparse.Namespace) -> list[str]:
    return ["data.allow_missing=true"] if arguments.allow_missing else []


def _prepared(name: str, preset: str | None, overrides: list[str]) -> PreparedData:
    console = LineConsole()
    config = load_config(name, preset=preset, overrides=overrides).data
    with quiet_tensorflow_import():
        import tensorflow  # noqa: F401, writing needs it
    made = prepare(config, report=console.print_line, console=console)
    for left in unfinished_in(config.prepared):
        console.print_line(str(left))
    counts = ", ".join(f"{split} {e.count:,}" for split, e in made.manifest.splits.items())
    console.print_line(f"clips: {counts}")
    for line in made.terms:
        console.print_line(line)
    console.print_line(f"data: {made.folder}")
    return made


def _convert(arguments: argparse.Namespace) -> int:
    options = {key: getattr(arguments, key) for key in user_videos.OPTIONS}
    out = Path(arguments.out)
    changes = user_videos.overrides(Path(arguments.source), out, options)
    changes += [*_allowed(arguments), *arguments.overrides]
    made = _prepared(arguments.config, arguments.preset, changes)
    console = LineConsole()
    console.print_line(f"look at it: tfvp data inspect {out}")
    missing = [split for split in SPLITS if split not in made.manifest.splits]
    if missing and not arguments.shares:
        console.print_line(
            f"no clips for {' and '.join(missing)}: training needs train and validation, an "
            "evaluation test; give folders or more sources for them, or split by --shares"
        )
    trains = {"train", "validation"} <= made.manifest.splits.keys()
    for purpose, preset in (("in minutes", "quick"), ("for real", None)) if trains else ():
        command = _training_command(arguments.config, preset, made, out)
        if command:
            console.print_line(f"train on it {purpose}: {command}")
    return 0


def _training_command(config: str, preset: str | None, made: PreparedData, out: Path) -> str | None:
    """The command that trains on converted clips; None where the configuration cannot."""
    plain = re.fullmatch(r"[A-Za-z_./][\w./-]*", str(out))  # reads as a text in YAML too
    prepared = f"data.prepared={out if plain else json.dumps(str(out))}"
    for patch in ([], *([f"model.patch_px={size}"] for size in (8, 4, 2, 1))):
        try:
            data = load_config(config, preset=preset, overrides=["data.dataset=clips"]).data
            sets = [prepared, *user_videos.changes(made.manifest.settings, data), *patch]
            load_config(config, preset=preset, overrides=sets)
        except ConfigError:  # no such preset, or patches do not divide the frames
            continue
        words = ["tfvp", "run", "--config", config, *(["--preset", preset] if preset else [])]
        return shlex.join([*words, *(word for each in sets for word in ("--set", each))])
    return None


def _inspect(arguments: argparse.Namespace) -> int:
    from tfvp.data.inspect import describe_data, write_pictures

    console = LineConsole()
    for left in unfinished_in(Path(arguments.folder)):
        console.print_line(str(left))
    prepared = open_folder(Path(arguments.folder))
    for line in describe_data(prepared):
        console.print_line(line)
    out = Path(arguments.out or f"{prepared.folder.resolve().name}-inspect")
    for path in write_pictures(prepared, out):
        console.print_line(f"drawn: {path}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    console = LineConsole()
    prepared = open_folder(Path(arguments.folder))
    with quiet_tensorflow_import():
        import tensorflow  # noqa: F401, it knows the records' checksums
    problems = prepared.verify()
    if problems:
        more = f" (and {len(problems) - 1} more, above)" if len(problems) > 1 else ""
        for problem in problems[:-1]:
            console.print_line(problem)
        raise DataError(f"{problems[-1]}{more}")
    count = sum(entry.count for entry in prepared.manifest.splits.values())
    console.print_line(f"{prepared.folder}: {count:,} records are as they were written")
    return 0


def open_folder(folder: Path) -> PreparedData:
    """Open a prepared folder, or the only prepared folder inside a folder.

    Raises:
        DataError: there is no prepared folder, or there are several, which the message names.
    """
    if not (folder / manifests.NAME).exists():
        inside = sorted(path.parent for path in folder.glob(f"[!.]*/{manifests.NAME}"))
        if len(inside) > 1:
            raise DataError(f"{folder} holds several: " + ", ".join(map(str, inside)))
        folder = inside[0] if inside else folder
    return PreparedData(folder, manifests.load(folder))
