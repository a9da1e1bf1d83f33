"""What every network costs: operations, time to the first step, of a step, memory, frames/s.

    python benchmarks/models.py                              # every network there is
    python benchmarks/models.py e3d e2d --steps 5 --json models.json
    python benchmarks/models.py e3d --precision mixed_bfloat16
    python benchmarks/models.py e3d --batch 2 4 8            # how many clips at once are best
    python benchmarks/models.py --show models.json           # the table of numbers measured before

Each network is measured in a process of its own, so that start and peak memory are its own.
`tfvp profile` shows where the time of one of them goes; what the columns mean stands in
`tfvp/profiling/step_cost.py`, where both are measured. `benchmarks/peers.py` measures what
OpenSTL's networks take beside ours on the same machine.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.errors import UserError
from tfvp.models.registry import MODELS, info
from tfvp.system.progress import progress
from tfvp.system.silence import quiet_tensorflow_import

COLUMNS = {
    "clips": "batch",
    "parameters": "parameters",
    "GFLOP a step": "gflop",
    "first step s": "first_step",
    "step s": "step",
    "floor s": "floor",
    "TFLOP/s": "tflops",
    "of": "product",
    "ratio": "ratio",
    "of CPU time": "ratio_cpu",
    "peak GB": "peak_gb",
    "frames/s": "frames_per_s",
}
RESULT = "RESULT "


def experiment_of(config: str, arguments: argparse.Namespace) -> Experiment:
    overrides = [f"training.precision={arguments.precision}", *arguments.overrides]
    return load_config(config, preset=arguments.preset, overrides=overrides)


def measure_here(config: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One network's numbers, measured in this process."""
    with quiet_tensorflow_import():
        from tfvp.profiling.step_cost import measure
    (batch,) = arguments.batch
    cost = measure(experiment_of(config, arguments), batch=batch, steps=arguments.steps)
    return {**cost.record(), "config": config, "label": arguments.label or config}


def measure_in_a_process(config: str, batch: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """The same in a fresh process, of so many clips at once."""
    command = [sys.executable, __file__, config, "--one", "--batch", str(batch)]
    command += ["--steps", str(arguments.steps), "--precision", arguments.precision]
    command += ["--label", arguments.label] if arguments.label else []
    command += ["--preset", arguments.preset] if arguments.preset else []
    command += [f"--set={override}" for override in arguments.overrides]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    results = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if not results:
        sys.exit(f"{config} could not be measured:\n{done.stderr[-2000:]}")
    return json.loads(results[-1].removeprefix(RESULT))


def table(rows: list[dict[str, Any]], title: str) -> Table:
    shown = Table("config", title=title)
    for column in COLUMNS:
        shown.add_column(column, justify="right")
    for row in rows:
        numbers = (row.get(key) for key in COLUMNS.values())
        shown.add_row(row["label"], *(_short(number) for number in numbers))
    return shown


def _short(number: float | str | None) -> str:
    if number is None or isinstance(number, str):  # rows of earlier versions have no rate
        return number or ""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table of numbers measured before, as docs/performance.md holds it."""
    head = ["design", "precision", "processes a core", "CPU s a step", *COLUMNS]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for row in rows:
        numbers = (row.get(key) for key in ("load", "step_cpu", *COLUMNS.values()))
        lines.append([row["label"], row["precision"], *map(_short, numbers)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(rows: list[dict[str, Any]], console: Console) -> None:
    for precision in dict.fromkeys(row["precision"] for row in rows):
        same = [row for row in rows if row["precision"] == precision]
        batches = "/".join(str(b) for b in sorted({row["batch"] for row in same}))
        console.print(table(same, f"{batches} clips a step, {precision}"))
    lines = [
        "first step: from the start of fit; floor: the operations at the best rate of large matrix "
        "products (TFLOP/s, of that precision), measured between the steps; ratio: step over "
        "floor, by the clock and in time of the cores; frames/s: predicted.",
    ]
    load = max(row["load"] for row in rows)
    if load > 1.2:
        lines.append(
            f"The machine was shared: up to {load:.1f} processes wanted each core. Times are too "
            "long then, and of the two ratios the one of CPU time holds."
        )
    for line in lines:
        console.print(line, highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = sorted({info(name).config for name in MODELS})
    parser.add_argument("configs", nargs="*", default=every, help="default: one of every network")
    parser.add_argument("--batch", type=int, nargs="+", default=[2], help="clips a step")
    parser.add_argument("--steps", type=int, default=5, help="after the first")
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--preset", help="of the configurations, e.g. quick")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--show", type=Path, nargs="+", help="measure nothing: print such files")
    parser.add_argument("--markdown", action="store_true", help="with --show: a Markdown table")
    parser.add_argument("--label", help="what to call the row, e.g. a design that is tried")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(RESULT + json.dumps(measure_here(arguments.configs[0], arguments)))
        return
    console = Console(width=max(132, Console().width), soft_wrap=True)
    if arguments.show:
        rows = [row for path in arguments.show for row in json.loads(path.read_text())]
        if arguments.markdown:
            print(markdown(rows), end="")
        else:
            show(rows, console)
        return
    try:
        for config in arguments.configs:
            experiment_of(config, arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    rows = []
    measured = list(itertools.product(arguments.configs, arguments.batch))
    with progress(Console(stderr=True), "networks", len(measured)) as shown:
        for config, batch in measured:
            rows.append(measure_in_a_process(config, batch, arguments))
            if arguments.json:  # what is measured is kept, whatever comes next
                arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
            shown.update(len(rows), config)
    show(rows, console)


if __name__ == "__main__":
    main()
