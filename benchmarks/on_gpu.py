"""Uses a machine with a GPU for as long as it is rented: checks it, measures updates, trains.

    python benchmarks/on_gpu.py --data PREPARED --budget 1200 --out FOLDER e3d_residual=3 predrnn
    python benchmarks/on_gpu.py ... --openstl DIR --networks e3d predrnn:quick --batch 16

It needs JAX, and PyTorch for OpenSTL's networks, but neither TensorFlow nor a connection. PREPARED
is a folder that `tfvp data prepare` filled elsewhere. Parts run one after the other, each in a
process of its own: a check of the device; updates, of OpenSTL's networks beside ours first, then
of every network, within `--updates` of the budget; then the trainings that are named, as
CONFIG[:PRESET][=SHARE] of the time that is left. CONFIG may be the path of a YAML file, whose
schedule fits the time. A training is ended by SIGTERM in time to be evaluated.

FOLDER keeps what is small: `summary.json` with how each part ended, a log of each, numbers, and of
a training its configuration, provenance, curves, metrics and weights (their average, in float16;
`--init-from` takes them). Whatever fails, the parts after it run.
"""

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfvp.models.registry import MODELS, info
from tfvp.reporting.kept_weights import WEIGHTS, half_precision
from tfvp.runs.folder import Run

HERE = Path(__file__).resolve().parent
CHECK_SECONDS = 20
TRAINING, PATIENCE = 0.6, 0.1  # of a training's time; to SIGTERM, and from there to SIGKILL
CHECK = """
import jax
from tfvp.profiling.step_cost import matrix_rate
print("JAX", jax.__version__, "on", *[device.device_kind for device in jax.local_devices()])
print(f"{matrix_rate('float32', (2048,), 1).wall / 1e12:.2f} TFLOP/s in products of 2048 rows")
try:
    import torch
    print("torch", torch.__version__, "with a GPU:", torch.cuda.is_available())
except ImportError:
    print("no torch")
"""


class Part(NamedTuple):
    """CONFIG[:PRESET][=SHARE] of the command line."""

    config: str
    preset: str | None
    share: float

    @classmethod
    def of(cls, text: str) -> "Part":
        """Read such a word; raises ValueError."""
        rest, _, share = text.partition("=")
        config, _, preset = rest.partition(":")
        part = cls(config, preset or None, float(share or 1))
        if not config or not 0 < part.share < float("inf"):
            raise ValueError(text)
        return part

    @property
    def name(self) -> str:
        """What files and runs of this part are called."""
        return "-".join([Path(self.config).stem, *([self.preset] if self.preset else [])])

    @property
    def preset_words(self) -> list[str]:
        """The preset as an option of a command."""
        return ["--preset", self.preset] if self.preset else []


class Parts:
    """Runs commands one after the other and notes how each ended, at once."""

    def __init__(self, out: Path, budget: float):
        self.out, self.began, self.budget = out, time.monotonic(), budget
        self.noted: list[dict[str, Any]] = []
        path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
        self.environment = {**os.environ, "PYTHONPATH": path}

    def left(self, share: float = 1.0) -> float:
        """Seconds to the end of the first `share` of the budget."""
        return self.began + share * self.budget - time.monotonic()

    def run(self, name: str, command: Sequence[object], limit: float, patience: float = 0) -> None:
        """Run Python with these words; after `limit` seconds SIGTERM, `patience` later SIGKILL."""
        if limit <= 0:
            self.note(name, "skipped", reason="no time was left")
            return
        log, began, result, code = self.out / f"{name}.log", time.monotonic(), None, None
        with log.open("wb") as said:
            words = [sys.executable, *map(str, command)]
            process = subprocess.Popen(
                words, stdout=said, stderr=said, env=self.environment, start_new_session=True
            )
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                process.terminate()
                result = "ended in time"
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = process.wait(patience)
            finally:  # whatever it started ends with it
                _kill_group(process)
        if result and code in (None, -signal.SIGTERM):  # it did not end of its own accord
            result = "killed"
        elif result is None:
            result = "failed" if code else "done"
        reason = _last_line(log) if result in ("failed", "killed") else None
        took = round(time.monotonic() - began, 1)
        self.note(name, result, seconds=took, exit_code=code, reason=reason)

    def note(self, name: str, result: str, **more: Any) -> None:
        """Keep how a part ended, and say it."""
        more = {key: value for key, value in more.items() if value is not None}
        self.noted.append({"part": name, "result": result, **more})
        said = {"command": shlex.join(sys.argv), "revision": _revision(), "budget": self.budget}
        content = json.dumps({**said, "parts": self.noted}, indent=2)
        (self.out / "summary.json").write_text(content + "\n")
        print(f"{name}: {result} {more.get('reason', '')}".rstrip(), flush=True)


def _kill_group(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][-300:] if lines else "it said nothing"


def _revision() -> str | None:
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude", "*"]
    if not shutil.which("git"):
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def measure_updates(parts: Parts, arguments: argparse.Namespace) -> None:
    same = ["--batch", arguments.batch, "--precision", arguments.precision, "--json"]
    share = arguments.updates if arguments.trainings else 1.0
    if arguments.openstl:
        command = [HERE / "peers.py", "--openstl", arguments.openstl, *same]
        parts.run("peers", [*command, parts.out / "peers.json"], parts.left(share))
    for network in arguments.networks:
        name = f"updates-{network.name}"
        command = [HERE / "models.py", network.config, *network.preset_words, *same]
        parts.run(name, [*command, parts.out / f"{name}.json"], parts.left(share))


def train(parts: Parts, training: Part, seconds: float, arguments: argparse.Namespace) -> None:
    """Train and evaluate within `seconds`; what is small is kept however that ends."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / training.name)
        changes = [f"data.prepared={arguments.data}", f"results={folder}", *arguments.overrides]
        words = ["--config", training.config, *training.preset_words, "--name", training.name]
        words += [f"--set={change}" for change in changes]
        command = ["-m", "tfvp", "run", *words, "--stages", "train"]
        try:
            parts.run(f"train-{training.name}", command, TRAINING * seconds, PATIENCE * seconds)
            if run.checkpoints.is_dir():
                left = seconds - (time.monotonic() - began)
                command = ["-m", "tfvp", "evaluate", "--run", run.root]
                parts.run(f"evaluate-{training.name}", command, left)
        finally:
            try:
                keep(run, parts.out / training.name)
            except Exception as error:
                parts.note(f"keep-{training.name}", "failed", reason=f"{error}")


def keep(run: Run, folder: Path) -> None:
    """Copy what is small of a run, and the average of its best or last weights as float16."""
    if not run.root.is_dir():
        return
    folder.mkdir()
    files = [run.config_path, run.provenance_path, run.train_log, run.validation_log]
    for file in (*files, run.metrics_path, run.per_frame_path):
        if file.is_file():
            shutil.copy(file, folder)
    from tfvp.training.checkpoints import Checkpoints

    checkpoints = Checkpoints(run.checkpoints)
    best = checkpoints.best
    chosen = (best["step"], checkpoints.load(best["step"])) if best else None
    step, state = chosen or checkpoints.load_latest()
    state = {**state, "step": np.asarray(step)}
    (folder / WEIGHTS).write_bytes(half_precision(state, "average"))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trainings", nargs="*", type=Part.of, metavar="CONFIG[:PRESET][=SHARE]")
    parser.add_argument("--data", type=Path, required=True, help="prepared data, for the trainings")
    parser.add_argument("--budget", type=float, required=True, metavar="SECONDS", help="of all")
    parser.add_argument("--out", type=Path, required=True, help="a new folder for what is kept")
    parser.add_argument("--openstl", type=Path, metavar="DIR", help="a checkout of OpenSTL")
    parser.add_argument("--updates", type=float, default=0.3, help="share that ends the updates")
    every = [Part(config, None, 1) for config in sorted({info(name).config for name in MODELS})]
    only = "CONFIG[:PRESET] whose updates are measured (default: one of every network)"
    parser.add_argument("--networks", nargs="*", type=Part.of, default=every, help=only)
    parser.add_argument("--batch", type=int, default=16, help="clips of a measured update")
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="as tfvp run")
    arguments = parser.parse_args()
    names = [training.name for training in arguments.trainings]
    if len(set(names)) < len(names):
        parser.error("a training is named twice")
    if arguments.out.is_dir() and any(arguments.out.iterdir()):
        parser.error(f"--out {arguments.out}: is not empty")
    return arguments


def main() -> None:
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ.setdefault("KERAS_BACKEND", "jax")
    arguments.out.mkdir(parents=True, exist_ok=True)
    parts = Parts(arguments.out, arguments.budget)
    parts.run("check", ["-c", CHECK], min(CHECK_SECONDS, parts.left()))
    measure_updates(parts, arguments)
    for number, training in enumerate(arguments.trainings):
        waiting = sum(other.share for other in arguments.trainings[number:])
        train(parts, training, parts.left() * training.share / waiting, arguments)
    sys.exit(any(part["result"] in ("failed", "killed") for part in parts.noted))


if __name__ == "__main__":
    main()
