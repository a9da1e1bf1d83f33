"""Our networks beside OpenSTL's of the same sizes, on this machine, one after the other.

    python benchmarks/peers.py --openstl DIR              # a checkout of OpenSTL; needs torch
    python benchmarks/peers.py --openstl DIR E3D --batch 16 --precision mixed_bfloat16
    python benchmarks/peers.py --show x.json              # the table of what --json kept

Of each network first OpenSTL's, then ours is measured, in a process of its own each: the first
update, the middle of the ones after it, a forward pass, and the most memory that updates held (on a
CPU of the process, which holds the imported library too), on the same clips and with products
rounded alike (TF32, bfloat16). On a CPU denormal numbers are
flushed, without which OpenSTL's E3D is several times slower. Its models are imported from DIR.
"""

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from timeit import timeit
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.errors import UserError
from tfvp.system.silence import quiet_tensorflow_import

COLUMNS = {
    "first update s": "first_update",
    "update s": "update",
    "forward s": "forward",
    "peak GB": "peak_gb",
    "of it by import GB": "import_gb",
}
SIDES = ("OpenSTL", "ours")
RESULT = "RESULT "


class Pair(NamedTuple):
    """A network of ours and OpenSTL's: our configuration, their file and class."""

    config: str
    file: str
    model: str


PAIRS = {
    "E3D": Pair("e3d_residual", "e3dlstm", "E3DLSTM_Model"),
    "ConvLSTM": Pair("conv_lstm_openstl", "convlstm", "ConvLSTM_Model"),
    "PredRNN": Pair("predrnn", "predrnn", "PredRNN_Model"),
}


def what_is_missing(folder: Path | None) -> str | None:
    """A line that says what a comparison needs and does not find; None: nothing."""
    if folder is None:
        return "a checkout of github.com/chengtan9907/OpenSTL, named by --openstl DIR, and torch"
    for pair in PAIRS.values():
        file = f"openstl/models/{pair.file}_model.py"
        if not (folder / file).is_file():
            return f"a checkout of OpenSTL; --openstl {folder} has no {file}"
    if importlib.util.find_spec("torch") is None:
        return "torch, which is not installed (pip install torch)"
    return None


def build_peer(folder: Path, pair: Pair, experiment: Experiment) -> Any:
    """OpenSTL's network with the sizes of our experiment.

    The packages are put in place without running their own __init__.py, which import every model
    there is, and more than torch with them.
    """
    for name in ("openstl", "openstl.models", "openstl.modules"):
        package = ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")))]
        sys.modules[name] = package
    cells = importlib.import_module(f"openstl.modules.{pair.file}_modules")
    vars(sys.modules["openstl.modules"]).update(
        {name: found for name, found in vars(cells).items() if not name.startswith("_")}
    )
    model = getattr(importlib.import_module(f"openstl.models.{pair.file}_model"), pair.model)
    data, section = experiment.data, experiment.model
    settings = SimpleNamespace(
        in_shape=(data.context_frames, data.channels, *data.frame_px),
        pre_seq_length=data.context_frames,
        aft_seq_length=data.predict_frames,
        patch_size=section.patch_px,
        **{"filter_size": 5, "stride": 1, "layer_norm": 0, "reverse_scheduled_sampling": 0},
    )
    return model(len(section.hidden), list(section.hidden), settings)


def in_patches(frames: Any, patch: int) -> Any:
    """Frames (B, T, H, W, C) as OpenSTL's networks take them: (B, T, H/p, W/p, p * p * C)."""
    *clips, height, width, channels = frames.shape
    grid = (*clips, height // patch, patch, width // patch, patch, channels)
    parts = frames.reshape(grid).transpose(0, 1, 2, 4, 3, 5, 6)
    return parts.reshape(*parts.shape[:4], -1)


def held_gb() -> float:
    """The most memory that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measure_peer(pair: Pair, experiment: Experiment, arguments: argparse.Namespace) -> dict:
    """The numbers of OpenSTL's network, measured in this process, which needs no Keras."""
    import torch

    imported = held_gb()
    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    network = build_peer(arguments.openstl, pair, experiment).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    data = experiment.data
    shape = (arguments.batch, data.total_frames, *data.frame_px, data.channels)
    frames = np.random.default_rng(0).random(shape, np.float32)
    clips = torch.from_numpy(in_patches(frames, experiment.model.patch_px)).to(device)
    truth = torch.ones_like(clips[:, : data.predict_frames - 1])
    rounded = torch.autocast(device, torch.bfloat16, enabled="bf" in arguments.precision)

    def update() -> None:
        with rounded:
            loss = network(clips, truth)[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if on_gpu:
            torch.cuda.synchronize()

    def forward() -> None:
        with rounded, torch.no_grad():
            network(clips, truth, return_loss=False)[0].float().cpu()

    first, *updates = [timeit(update, number=1) for _ in range(1 + arguments.steps)]
    peak = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else held_gb()
    forward()
    return {
        "first_update": first,
        "update": statistics.median(updates),
        "forward": statistics.median(timeit(forward, number=1) for _ in range(3)),
        "peak_gb": peak,
        "import_gb": 0.0 if on_gpu else imported,
        "device": torch.cuda.get_device_name() if on_gpu else "CPU",
        "with": f"torch {torch.__version__}",
    }


def measure_ours(_: Pair, experiment: Experiment, arguments: argparse.Namespace) -> dict:
    """The numbers of our network, measured in this process."""
    with quiet_tensorflow_import():
        import keras

        from tfvp.backend import backend
        from tfvp.profiling.step_cost import measure
        from tfvp.training.distributed.devices import Devices
    imported = held_gb()
    cost = measure(experiment, batch=arguments.batch, steps=arguments.steps)
    return {
        "first_update": cost.first_step,
        "update": cost.step,
        "forward": cost.batch * experiment.data.predict_frames / cost.frames_per_s,
        "peak_gb": cost.peak_gb,
        "import_gb": imported if backend.gpu_memory() is None else 0.0,
        "device": Devices(experiment).describe(),
        "with": f"keras {keras.__version__} on {keras.backend.backend()}",
    }


def measure_here(name: str, side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    experiment = experiment_of(name, arguments)
    measure = measure_ours if side == "ours" else measure_peer
    measured = measure(PAIRS[name], experiment, arguments)
    return {**measured, "load": os.getloadavg()[0] / (os.cpu_count() or 1)}


def experiment_of(name: str, arguments: argparse.Namespace) -> Experiment:
    precision = f"training.precision={arguments.precision}"
    return load_config(PAIRS[name].config, overrides=[precision, *arguments.overrides])


def measure_in_a_process(name: str, side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The same in a fresh process; what fails leaves the reason under `error`."""
    command = [sys.executable, __file__, *sys.argv[1:], "--one", name, side]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    results = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    settings = {key: getattr(arguments, key) for key in ("batch", "steps", "precision")}
    row = {"network": name, "side": side, **settings}
    if not results:
        said = done.stderr.strip().splitlines()
        return {**row, "error": said[-1] if said else f"exit code {done.returncode}"}
    return {**row, **json.loads(results[-1].removeprefix(RESULT))}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table: two rows a network, and theirs over ours, which is above 1 where we need less."""
    head = ["network", "clips", "precision", "processes a core", *COLUMNS]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for name in dict.fromkeys(row["network"] for row in rows):
        sides = {row["side"]: row for row in rows if row["network"] == name}
        for side, row in sides.items():
            words = [f"{name}, {side}", str(row["batch"]), row["precision"]]
            numbers = [f"{row[key]:,.3g}" for key in ("load", *COLUMNS.values()) if key in row]
            lines.append([*words, *(numbers or [f"failed: {row['error']}", *[""] * len(COLUMNS)])])
        if len(sides) == len(SIDES) and not any("error" in row for row in sides.values()):
            theirs, ours = (sides[side] for side in SIDES)
            ratios = (f"{theirs[k] / ours[k]:,.2f}" if ours[k] else "" for k in COLUMNS.values())
            lines.append([f"{name}, OpenSTL / ours", "", "", "", *ratios])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def measure_all(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in arguments.networks:
        for side in SIDES:
            rows.append(measure_in_a_process(name, side, arguments))
            if arguments.json:  # what is measured is kept, whatever comes next
                arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
            print(f"{name}, {side}: {rows[-1].get('error', 'measured')}", file=sys.stderr)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(PAIRS)} (default: all)")
    parser.add_argument("--openstl", type=Path, metavar="DIR", help="a checkout of OpenSTL")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="updates after the first")
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--show", type=Path, help="measure nothing: print the table of such a file")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.networks = arguments.networks or list(PAIRS)
    if unknown := [name for name in arguments.networks if name not in PAIRS]:
        parser.error(f"unknown network {unknown[0]!r}; there are {', '.join(PAIRS)}")
    if arguments.show:
        print(markdown(json.loads(arguments.show.read_text())), end="")
        return
    if arguments.one:
        print(RESULT + json.dumps(measure_here(*arguments.one, arguments)))
        return
    if missing := what_is_missing(arguments.openstl):
        print(f"error: a comparison needs {missing}", file=sys.stderr)
        sys.exit(2)
    try:
        for name in arguments.networks:
            experiment_of(name, arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    rows = measure_all(arguments)
    print(markdown(rows), end="")
    sys.exit(any("error" in row for row in rows))


if __name__ == "__main__":
    main()
