"""`tfvp predict`: the next frames of anybody's video."""

import argparse
import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tfvp.cli.console import LineConsole
from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_resolved
from tfvp.data.user_videos.arrays import Values
from tfvp.data.user_videos.config import Axes
from tfvp.errors import ConfigError
from tfvp.presets.find import find_trained, is_preset
from tfvp.presets.folder import Preset
from tfvp.runs.folder import Run, open_run
from tfvp.sections import DataSection
from tfvp.system.progress import progress
from tfvp.system.silence import quiet_tensorflow_import

if TYPE_CHECKING:  # decoders take a while to import, which --help need not wait for
    from tfvp.data.user_videos.files import Reading
    from tfvp.data.user_videos.framing import FrameFormat
    from tfvp.inference.video import InputClip


def add_predict(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "predict",
        help="predict the next frames of a video",
        description="Context frames get a blue border, predicted ones an orange border; the "
        "result has the input's size and the network's colours.",
    )
    parser.add_argument(
        "source",
        nargs="?",
        metavar="WEIGHTS",
        help="a run's folder, or pretrained weights: preset:NAME (tfvp list presets), a preset's "
        "folder, hf://ORG/NAME, https://…",
    )
    parser.add_argument("--run", metavar="DIR", help="a run's folder, the same as WEIGHTS")
    parser.add_argument(
        "--input",
        metavar="CLIP",
        help="a video, GIF, .npy, or folder of images (default: the preset's example)",
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
    _add_reading(parser)
    parser.set_defaults(command=_predict)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how frames and values of the input are to be understood."""
    parser.add_argument(
        "--fit",
        choices=("resize", "pad"),
        help="resize: the ratio is not kept; pad: black around it (default: as the run's data)",
    )
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
    from tfvp.inference.video import continue_clip, frame_format_of, window_starts
    from tfvp.inference.writers import check_output, write_clip

    found, output = _weights(arguments), Path(arguments.output)
    experiment = load_resolved(found.config_path)
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
    given = _given(arguments, found, experiment, frame_format, context)
    with quiet_tensorflow_import():
        from tfvp.inference.predictor import Predictor

    console = LineConsole()
    for note in given.notes:
        console.print_line(note)
    windows = len(window_starts(len(given.fitted), context, steps))
    predictor = Predictor.of(found)
    with progress(console, "predicting", windows) as shown:
        frames = continue_clip(given, predictor, frame_format, steps, shown.update)
        count = write_clip(output, frames, given.fps)
    _say_what_was_done(console, output, count, given.context[0].shape, frame_format)
    return 0


def _weights(arguments: argparse.Namespace) -> Run | Preset:
    """Find the run or the preset, which is named once."""
    named = [each for each in (arguments.source, arguments.run) if each is not None]
    if len(named) != 1:
        raise ConfigError(
            "tfvp predict: name the weights once, a run's folder or preset:NAME, e.g. tfvp predict "
            "results/predrnn --input clip.gif --output prediction.gif"
        )
    (source,) = named
    either = arguments.source is not None or is_preset(source)
    return find_trained(source) if either else open_run(source)


def _given(
    arguments: argparse.Namespace,
    found: Run | Preset,
    experiment: Experiment,
    frame_format: "FrameFormat",
    context: int,
) -> "InputClip":
    """Read the input; without one, take the preset's example."""
    from tfvp.inference.video import example_clip, read_input

    data = experiment.data
    if arguments.input:
        return read_input(
            *(Path(arguments.input), frame_format, context, arguments.slide),
            fixed=experiment.model.fixed_context,
            reading=_reading(arguments, data),
        )
    example = found.example if isinstance(found, Preset) else None
    if example is None:
        raise ConfigError("--input: missing; only presets with an example can do without a clip")
    return example_clip(example.frames[0], data.context_frames, context)


def _say_what_was_done(
    console: LineConsole,
    output: Path,
    count: int,
    shape: tuple[int, ...],
    frame_format: "FrameFormat",
) -> None:
    (height, width), (h, w) = shape[:2], frame_format.frame_px
    way = {"resize": "scaled, the ratio not kept", "pad": "scaled to fit inside, black around"}
    scaled = (
        f"; frames of {height}x{width} were brought to {h}x{w} ({way[frame_format.fit]}) and back"
    )
    same = (height, width) == (h, w)
    console.print_line(f"{output}: {count} frames predicted{'' if same else scaled}")


def _reading(arguments: argparse.Namespace, data: DataSection) -> "Reading":
    """How the input is to be understood: its values as those of the run's own data, or as asked."""
    from tfvp.data.user_videos.files import Reading

    own = data.source_reading
    low, high = own.value_range or (None, None)
    if arguments.range is not None:
        low, high = arguments.range
        if not low < high:
            raise ConfigError(f"--range {low:g} {high:g}: the first must be below the second")
    return Reading(
        arguments.axes,
        values=Values(low, high, own.nan if arguments.nan is None else arguments.nan),
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
