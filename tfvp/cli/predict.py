"""`tfvp predict`: the next frames of anybody's video."""

import argparse
import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tfvp.cli.console import LineConsole
from tfvp.config.loading import load_resolved
from tfvp.data.user_videos.arrays import Values
from tfvp.data.user_videos.config import Axes, UserVideosData
from tfvp.errors import ConfigError
from tfvp.runs.folder import open_run
from tfvp.sections import DataSection
from tfvp.system.progress import progress
from tfvp.system.silence import quiet_tensorflow_import

if TYPE_CHECKING:  # decoders take a while to import, which --help need not wait for
    from tfvp.data.user_videos.files import Reading
    from tfvp.data.user_videos.framing import FrameFormat


def add_predict(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "predict",
        help="predict the next frames of a video",
        description="Context frames get a blue border, predicted ones an orange border; the "
        "result has the input's size and the network's colours.",
    )
    parser.add_argument("--run", required=True, metavar="DIR", help="a run's folder")
    parser.add_argument(
        "--input", required=True, metavar="CLIP", help="a video, GIF, .npy, or folder of images"
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="NEW",
        help="a new .gif or .mp4 (context and prediction), .npy (prediction), or folder of PNG",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="frames to predict (the run's)")
    parser.add_argument(
        "--context", type=int, metavar="N", help="frames the network is given (the run's)"
    )
    parser.add_argument(
        "--slide",
        action="store_true",
        help="predict all along a long input, not from its last frames alone",
    )
    parser.add_argument(
        "--fit",
        choices=("resize", "pad"),
        help="resize: the ratio is not kept; pad: black around it (default: as the run's data)",
    )
    _add_reading(parser)
    parser.set_defaults(command=_predict)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how arrays and values of the input are to be understood."""
    parser.add_argument(
        "--axes",
        type=str.upper,
        choices=get_args(Axes),
        metavar="ORDER",
        help="order of an array's axes, e.g. TCHW",
    )
    parser.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values of the input that are black and white (default: as the run's data)",
    )
    parser.add_argument(
        "--fps",
        type=_rate,
        metavar="RATE",
        help="frames a second that are taken of the input (default: as of the run's data)",
    )
    parser.add_argument(
        "--source-fps",
        type=_rate,
        metavar="RATE",
        help="frames a second that an array or a folder of images has",
    )
    parser.add_argument(
        "--nan", type=float, metavar="VALUE", help="what stands in for NaN in the input"
    )


def _predict(arguments: argparse.Namespace) -> int:
    from tfvp.inference.video import continue_clip, frame_format_of, read_input, window_starts
    from tfvp.inference.writers import check_output, write_clip

    run, output = open_run(arguments.run), Path(arguments.output)
    experiment = load_resolved(run.config_path)
    data, fixed = experiment.data, experiment.model.fixed_context
    steps = _at_least_one("--steps", arguments.steps, data.predict_frames)
    context = _at_least_one("--context", arguments.context, data.context_frames)
    if fixed and context != data.context_frames:
        raise ConfigError(
            f"--context: {experiment.model.network} takes {data.context_frames} frames and no "
            f"other number, got {context}; leave it out"
        )
    check_output(output)
    frame_format = frame_format_of(data, arguments.fit, arguments.fps)
    given = read_input(
        *(Path(arguments.input), frame_format, context, arguments.slide),
        fixed=fixed,
        reading=_reading(arguments, data),
    )
    with quiet_tensorflow_import():
        from tfvp.inference.predictor import Predictor

    console = LineConsole()
    for note in given.notes:
        console.print_line(note)
    windows = len(window_starts(len(given.fitted), context, steps))
    predictor = Predictor.load(run.root)
    with progress(console, "predicting", windows) as shown:
        frames = continue_clip(given, predictor, frame_format, steps, shown.update)
        count = write_clip(output, frames, given.fps)
    _say_what_was_done(console, output, count, given.context[0].shape, frame_format)
    return 0


def _say_what_was_done(
    console: LineConsole,
    output: Path,
    count: int,
    shape: tuple[int, ...],
    frame_format: "FrameFormat",
) -> None:
    (height, width), (h, w) = shape[:2], frame_format.frame_px
    way = {"resize": "scaled, the ratio not kept", "pad": "scaled to fit inside, black around"}
    console.print_line(
        f"{output}: {count} frames predicted; frames of {height}x{width} were brought to {h}x{w} "
        f"({way[frame_format.fit]}) and back"
    )


def _reading(arguments: argparse.Namespace, data: DataSection) -> "Reading":
    """How the input is to be understood: its values as those of the run's own data, or as asked."""
    from tfvp.data.user_videos.files import Reading, reading_of

    own = reading_of(data) if isinstance(data, UserVideosData) else Reading()
    low, high, nan = own.values
    if arguments.range is not None:
        low, high = arguments.range
        if not low < high:
            raise ConfigError(f"--range {low:g} {high:g}: the first must be below the second")
    return Reading(
        arguments.axes,
        values=Values(low, high, nan if arguments.nan is None else arguments.nan),
        source_fps=arguments.source_fps or own.source_fps,
    )


def _rate(text: str) -> float:
    """Read a number of frames a second, or raise an ArgumentTypeError."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected frames a second above 0, got {text}")


def _at_least_one(option: str, value: int | None, default: int) -> int:
    """The value of an option that counts frames, or `default` where it was not given."""
    if value is not None and value < 1:
        raise ConfigError(f"{option}: expected at least 1 frame, got {value}")
    return default if value is None else value
