"""`tfvp profile`: what a training step of a configuration takes, and where its time goes."""

import argparse
from typing import Any

from tfvp.cli.console import LineConsole
from tfvp.cli.options import add_config_options, experiment_of
from tfvp.system.progress import progress
from tfvp.system.silence import quiet_tensorflow_import


def add_profile(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "profile",
        help="measure what a training step takes: time, its parts, memory",
        description="Trains on noise, needs no data and leaves nothing behind. The floor is the "
        "step's operations at the best rate of large matrix products.",
    )
    parser.add_argument(
        "--steps", type=_positive, default=3, help="steps to measure after the first (default: 3)"
    )
    add_config_options(parser)
    parser.set_defaults(command=_profile)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def _profile(arguments: argparse.Namespace) -> int:
    experiment = experiment_of(arguments)
    with quiet_tensorflow_import():
        from tfvp.profiling.step_cost import build_profiled, measure
        from tfvp.profiling.step_parts import clips_at_once, parts_of_step
        from tfvp.training.memory import peak_gigabytes

    console = LineConsole()
    batch = clips_at_once(experiment)
    loop = build_profiled(experiment, batch)
    before = peak_gigabytes()
    with progress(console, "training steps", 1 + arguments.steps) as shown:
        cost = measure(
            experiment, batch=batch, steps=arguments.steps, loop=loop, report=shown.update
        )
    parts = parts_of_step(experiment, loop.trainer, batch, cost.step)
    share = experiment.training.global_batch
    rows = _rows(cost, parts, share // batch)
    rows["memory"] = _memory(cost.peak_gb, before, share, batch)
    for name, value in rows.items():
        console.print_line(f"{name:<12}{value}")
    return 0


def _memory(peak: float, before: float, share: int, batch: int) -> str:
    """Describe the memory of steps of `batch` clips, and how many of `share` clips would fit."""
    from tfvp.profiling.step_parts import micro_batch_that_fits
    from tfvp.training.memory import total_gigabytes

    total = total_gigabytes()
    if total is None:
        return f"{peak:.2f} GB at most"
    fits = micro_batch_that_fits(share, batch, before, peak, total)
    return (
        f"{peak:.2f} GB at most, of {total:.1f} GB; by this training.micro_batch={fits} would fit"
    )


def _rows(cost: Any, parts: dict[str, float], pieces: int) -> dict[str, str]:
    """The printed lines, by their name; an update is `pieces` steps of `cost.batch` clips."""
    return {
        "parameters": f"{cost.parameters:,}",
        "a step": f"{cost.batch} clips of {cost.frames} frames, {cost.precision}; an update takes "
        f"{pieces} of them, {pieces * cost.step:.2f} s",
        "operations": f"{cost.gflop:,.3f} GFLOP a step",
        "first step": f"after {cost.first_step:.1f} s",
        "step": f"{cost.step:.4f} s",
        **{f"  {name}": f"{seconds:.4f} s" for name, seconds in parts.items()},
        "floor": f"{cost.floor:.4f} s, at {cost.tflops:.2f} TFLOP/s of {cost.product} products; "
        f"the step takes {cost.ratio:.2f} times as long, "
        f"{cost.ratio_cpu:.2f} times as much time of the {cost.cores} cores",
        "prediction": f"{cost.frames_per_s:,.1f} frames/s",
    }
