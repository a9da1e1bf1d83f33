"""How long JAX takes to compile the update of a network, by the length of the clip.

    python benchmarks/compiling.py                     # e3d_residual, from 10 frames to 10
    python benchmarks/compiling.py --frames 10 20 40 --json compiling.json
    python benchmarks/compiling.py --step-by-step      # with a copy of every step instead
    python benchmarks/compiling.py --again             # and a second start, with kept programs
    python benchmarks/compiling.py --show docs/performance_compiling.json

Each row is measured in a process of its own, without kept programs; `update` is the
quickest of three, CPU the time of all cores together, `operations` those of the program that XLA
gets, `temporary` the memory that it plans for what is computed on the way. With `--again` a second
process starts from the programs that the first kept: `of the first start` is its CPU time for
tracing and compiling over the first's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfvp.config.loading import load_config

OF_FIRST = "of the first start"
COLUMNS = (
    *("operations", "trace CPU s", "compile s", "compile CPU s", OF_FIRST),
    *("update s", "update CPU s", "temporary GB"),
)
RESULT = "RESULT "


def measure_here(config: str, frames: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row, measured in this process."""
    from tfvp.backend import backend
    from tfvp.models.scanned import scanned
    from tfvp.profiling.step_cost import Clock, build_profiled, random_clips

    overrides = [f"data.predict_frames={frames}", "training.predict_frames=null"]
    overrides.append(f"training.precision={arguments.precision}")
    experiment = load_config(
        config, preset=arguments.preset, overrides=[*overrides, *arguments.overrides]
    )
    backend.keep_programs()
    loop = build_profiled(experiment, arguments.batch)
    clips = random_clips(experiment, arguments.batch)
    began = Clock.now()
    with scanned(not arguments.step_by_step):
        lowered = loop.step.lowered(clips)
    traced = began.since()
    found = {
        "config": config,
        "design": "a copy of every step" if arguments.step_by_step else "scans",
        "frames": f"{experiment.data.context_frames} → {frames}",
        "precision": arguments.precision,
        "batch": arguments.batch,
        "load": os.getloadavg()[0] / (os.cpu_count() or 1),
        "revision": revision(),
        **dict.fromkeys(COLUMNS),
        "operations": lowered.as_text().count(" = "),
        "trace CPU s": traced.cpu,
    }
    if arguments.trace_alone:
        return found
    return {**found, **compile_and_run(loop, lowered, clips, arguments.compile_alone)}


def revision() -> str | None:
    """The commit of this checkout, with `-dirty` where files differ from it; None: not one."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    folder = Path(__file__).parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def compile_and_run(loop: Any, lowered: Any, clips: Any, compile_alone: bool) -> dict[str, Any]:
    """What compiling takes, and an update after it."""
    from tfvp.profiling.step_cost import Clock

    began = Clock.now()
    update = lowered.compile()
    compiled, times = began.since(), []
    found = {
        "compile s": compiled.wall,
        "compile CPU s": compiled.cpu,
        "temporary GB": update.memory_analysis().temp_size_in_bytes / 1e9,
    }
    if compile_alone:
        return found
    values = [variable.value for variable in loop.step.variables]
    for _ in range(3):
        began = Clock.now()
        result, values = update(values, clips)
        float(result["loss"])
        times.append(began.since())
    return {
        **found,
        "update s": min(time.wall for time in times),
        "update CPU s": min(time.cpu for time in times),
    }


def measure_in_a_process(config: str, frames: int, kept: str | None) -> dict[str, Any]:
    """The same in a fresh process, with this one's options; it keeps its programs in a folder."""
    command = [sys.executable, *sys.argv, "--one", config, str(frames)]
    quiet = {**os.environ, "KERAS_BACKEND": "jax"}
    if kept is None:
        quiet["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    else:
        quiet["JAX_COMPILATION_CACHE_DIR"] = kept
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    results = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if not results:
        sys.exit(f"{config}, {frames} frames could not be measured:\n{done.stderr[-2000:]}")
    return json.loads(results[-1].removeprefix(RESULT))


def starts(config: str, frames: int, again: bool) -> Iterator[dict[str, Any]]:
    """The row of a first start, and that of a second one."""
    if not again:
        yield measure_in_a_process(config, frames, None)
        return
    with tempfile.TemporaryDirectory() as kept:
        first = measure_in_a_process(config, frames, kept)
        yield first
        second = measure_in_a_process(config, frames, kept)
    took = (row["trace CPU s"] + row["compile CPU s"] for row in (second, first))
    yield {**second, OF_FIRST: next(took) / next(took)}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table, as docs/performance.md holds it."""
    head = ["config", "loop over time", "frames", "precision", "revision", "clips"]
    head += ["processes a core", *COLUMNS]
    lines = [head, [*["---"] * 5, *["--:"] * (len(head) - 5)]]
    for row in rows:
        numbers = (row.get(key) for key in ("load", *COLUMNS))
        words = [row[key] or "" for key in ("config", "design", "frames", "precision", "revision")]
        shown = (_short(x) for x in numbers)
        lines.append([*words, str(row["batch"]), *shown])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _short(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"


def append(file: Path, row: dict[str, Any]) -> None:
    """Add a row to those that the file has."""
    rows = json.loads(file.read_text()) if file.exists() else []
    file.write_text(json.dumps([*rows, row], indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", default=["e3d_residual"])
    parser.add_argument("--frames", type=int, nargs="+", default=[10], help="predicted ones")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--trace-alone", action="store_true", help="compile and run nothing")
    parser.add_argument("--compile-alone", action="store_true", help="run nothing")
    parser.add_argument("--again", action="store_true", help="start twice, keeping programs")
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--preset", help="of the configurations, e.g. quick")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--step-by-step", action="store_true", help="a copy of every step")
    parser.add_argument("--json", type=Path, help="also append the numbers there")
    parser.add_argument("--show", type=Path, help="measure nothing: print the table of such a file")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.again and arguments.trace_alone:
        parser.error("--again compares what is compiled: leave --trace-alone out")
    if arguments.one:
        config, frames = arguments.one
        print(RESULT + json.dumps(measure_here(config, int(frames), arguments)))
        return
    if arguments.show:
        print(markdown(json.loads(arguments.show.read_text())), end="")
        return
    for config in arguments.configs:
        for frames in arguments.frames:
            for row in starts(config, frames, arguments.again):
                print(markdown([row]).splitlines()[-1], flush=True)
                if arguments.json:
                    append(arguments.json, row)


if __name__ == "__main__":
    main()
