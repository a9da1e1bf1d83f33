"""What damaged inputs, configurations and data come to: python benchmarks/faults.py [--write].

Every case runs a command of `tfvp` in this process, on files in a temporary folder. It holds when
the command ends within a minute with at most one line of error, never with a traceback. `--write`
puts what was tried into docs/reliability.json and the table of docs/reliability.md; kinds that were
not tried keep their rows. A further kind is a function that yields cases, named in KINDS. Kills,
signals and full disks, named in PROCESSES, train a small network in processes of their own and take
many minutes: `--slow` tries them too. `--only TEXT` tries the kinds whose name holds the text.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tfvp.cli.main import main as tfvp
from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_config
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.prepare import prepare
from tfvp.runs.folder import create_run
from tfvp.system.silence import quiet_tensorflow_import
from tfvp.system.video import write_film, write_gif

SECONDS = 60
PROCESS_SECONDS = 600  # a whole training of the small network, on a machine that others use too
DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- faults: written by benchmarks/faults.py --write -->", "<!-- faults: end -->"
Case = tuple[str, list[str]]  # what is wrong, and the words of the command


@dataclass
class Row:
    """What was tried of a kind."""

    kind: str
    refused: int = 0
    accepted: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many cases there were."""
        return self.refused + self.accepted + len(self.failed)


def run(row: Row, case: Case) -> None:
    said, words = io.StringIO(), case[1]

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = tfvp(words)
    except (Exception, SystemExit) as error:
        row.failed.append(f"{case[0]}: {type(error).__name__}: {error}")
        return
    finally:
        signal.alarm(0)
    errors = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
    if code == 0:
        row.accepted += 1
    elif len(errors) == 1:
        row.refused += 1
    else:
        row.failed.append(f"{case[0]}: exit {code}, {said.getvalue()[:200]!r}")


def damages(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield cut, emptied and altered contents."""
    rng = np.random.default_rng(seed)
    yield "empty", b""
    for part in (0.1, 0.5, 0.9):
        yield f"cut to {part:.0%}", content[: int(part * len(content))]
    for _ in range(count):
        altered = bytearray(content)
        place = int(rng.integers(len(content)))
        altered[place] ^= 1 << int(rng.integers(8))
        yield f"byte {place} flipped", bytes(altered)


def good_inputs(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (24, 32, 3), np.uint8) for _ in range(12)]
    folder.mkdir(parents=True)
    write_film(folder / "a.mp4", frames, 25)
    write_gif(folder / "a.gif", map(Image.fromarray, frames), 100)
    np.save(folder / "a.npy", np.stack(frames))
    np.savez(folder / "a.npz", x=np.stack(frames), y=np.arange(3))
    pages = [Image.fromarray(frame) for frame in frames]
    pages[0].save(folder / "a.tif", save_all=True, append_images=pages[1:])
    for end in ("png", "jpg", "bmp"):
        (folder / end).mkdir()
        for number, page in enumerate(pages):
            page.save(folder / end / f"{number}.{end}")
    return sorted(folder.iterdir())


def damaged_inputs(folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """Yield good inputs with one file damaged, each in a place of its own."""
    for good in good_inputs(folder / "good"):
        file = sorted(good.iterdir())[5] if good.is_dir() else good
        for number, (what, content) in enumerate(damages(file.read_bytes(), count, len(good.name))):
            place = folder / f"{good.name}-{number}"
            place.mkdir()
            if good.is_dir():
                for each in good.iterdir():
                    os.link(each, place / each.name)
                (place / file.name).unlink()
            (place / file.name).write_bytes(content)
            yield f"{good.name}, {what}", place


def inputs_of_predict(folder: Path) -> Iterator[Case]:
    made = create_run(Experiment(name="run", title="run", results=folder), provenance={})
    for number, (what, place) in enumerate(damaged_inputs(folder / "in", 12)):
        words = ["predict", "--run", str(made.root), "--input", str(place)]
        yield what, [*words, "--output", str(folder / f"out{number}.npy")]


def inputs_of_convert(folder: Path) -> Iterator[Case]:
    for number, (what, place) in enumerate(damaged_inputs(folder / "in", 4)):
        sets = ["--split-by", "time", "--size", "16x16", "--set", "model.patch_px=4"]
        sets += ["--set", "data.context_frames=1", "--set", "data.predict_frames=1"]
        out = folder / f"out{number}"
        yield what, ["data", "convert", str(place), "--out", str(out), *sets, "--shares", "1,1,1"]


def configurations(folder: Path) -> Iterator[Case]:
    for config in ("e3d_residual", "predrnn", "e3d_kth"):
        from tfvp.config.extends import find_config

        content = find_config(config).read_bytes()
        for number, (what, damaged) in enumerate(damages(content, 60, len(config))):
            path = folder / f"{config}-{number}.yaml"
            path.write_bytes(damaged)
            yield f"{config}, {what}", ["config", "--config", str(path)]


def configurations_of_runs(folder: Path) -> Iterator[Case]:
    made = create_run(load_config("e3d_residual", overrides=[f"results={folder}"]), provenance={})
    content = made.config_path.read_bytes()
    for what, damaged in damages(content, 100, 1):
        made.config_path.write_bytes(damaged)
        yield what, ["evaluate", "--run", str(made.root), "--data", str(folder / "none")]


def prepared_data(folder: Path) -> Iterator[Case]:
    sizes = {"train_sequences": 12, "validation_sequences": 4, "test_sequences": 4}
    config = MovingMnistData(
        prepared=folder, digits="sklearn", frame_px=(24, 32), digit_px=10, **sizes
    )
    made = prepare(config, report=lambda line: None)
    for path in sorted(made.folder.iterdir()):
        content = path.read_bytes()
        for what, damaged in damages(content, 160, len(path.name)):
            path.write_bytes(damaged)
            yield f"{path.name}, {what}", ["data", "verify", str(made.folder)]
        path.write_bytes(content)


SMALL = (
    *("data.digits=sklearn", "data.digit_count=1", "data.digit_px=6", "data.frame_px=[12, 16]"),
    *("data.context_frames=2", "data.predict_frames=2", "data.train_sequences=8"),
    *("data.validation_sequences=4", "data.test_sequences=4", "model.encoder=[8]"),
    *("model.decoder=[8]", "training.steps=6", "training.global_batch=4", "evaluation.batch=4"),
    *("training.validation_clips=4", "training.validate_every=2", "training.checkpoint_every=1"),
    *("evaluation.samples=2", "training.log_every=1"),
)


def small_run(folder: Path, name: str, *more: str) -> list[str]:
    """Return the words that train the small network into `folder`/results/`name`."""
    homes = (f"results={folder / 'results'}", f"data.prepared={folder / 'data'}")
    sets = [f"--set={each}" for each in (*SMALL, *homes)]
    return ["run", "--config", "simple_lstm", "--name", name, *sets, *more]


def trained(folder: Path, stages: str) -> Path:
    """Train the small network; returns its run's folder."""
    with contextlib.redirect_stdout(io.StringIO()):
        if tfvp(small_run(folder, "good", "--stages", stages)):
            raise RuntimeError("the small network cannot be trained")
    return folder / "results" / "good"


def sources_of_weights(folder: Path) -> Iterator[Case]:
    """Yield damaged checkpoints, Keras files and files of other programs to start from."""
    goldens = Path(__file__).parents[1] / "tests" / "goldens"
    run_of_small = trained(folder, "prepare,train")
    load_network_of(run_of_small).save(folder / "good.keras")
    load_network_of(run_of_small).save_weights(folder / "good.weights.h5")
    step = sorted((run_of_small / "checkpoints").glob("step-*.npz"))[-1]
    # What is accepted trains a step; an .h5 has no checksums, so of it fewer are tried.
    counts = {folder / "good.keras": 80, step: 80, folder / "good.weights.h5": 8}
    for good, flips in counts.items():
        suffix = ".weights.h5" if good.name.endswith(".h5") else good.suffix
        for number, (what, content) in enumerate(damages(good.read_bytes(), flips, 5)):
            path = folder / f"bad{number}{suffix}"
            path.write_bytes(content)
            sets = ("--stages", "prepare,train", "--init-from", str(path), "--set=training.steps=1")
            yield f"{good.name}, {what}", small_run(folder, f"from{suffix}{number}", *sets)
    prefix = goldens / "tf1_checkpoint" / "model.ckpt-80000"
    index, data = Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001")
    for part, content in ((index, index.read_bytes()), (data, data.read_bytes())):
        for number, (what, altered) in enumerate(damages(content, 16, 6)):
            place = folder / f"tf1-{part.suffix}-{number}"
            place.mkdir()
            for each in (index, data):
                (place / each.name).write_bytes(altered if each == part else each.read_bytes())
            words = ["import", str(place / prefix.name), "--config", "e3d", "--partial"]
            sets = [
                "--set",
                "model.hidden=[3, 3, 3, 3]",
                "--set",
                "data.frame_px=[10, 8]",
                "--set=data.digit_px=6",
            ]
            out = ["--out", str(place / "out.npz"), "--set", "model.patch_px=2"]
            yield f"TF1 {part.suffix}, {what}", [*words, *sets, *out]


def load_network_of(run_folder: Path):
    """Return the trained network of a run."""
    from tfvp.inference.predictor import Predictor

    return Predictor.load(run_folder).predictor


def records_of_the_best(folder: Path) -> Iterator[Case]:
    made = trained(folder, "prepare,train")
    yield from _altered(made / "checkpoints" / "best.json", made, 80)


def checkpoints_of_a_run(folder: Path) -> Iterator[Case]:
    made = trained(folder, "prepare,train")
    best = json.loads((made / "checkpoints" / "best.json").read_text("utf-8"))["step"]
    yield from _altered(made / "checkpoints" / f"step-{best:08d}.npz", made, 76)


def _altered(path: Path, made: Path, count: int) -> Iterator[Case]:
    content = path.read_bytes()
    np.save(made.parent / "in.npy", np.zeros((2, 12, 16, 1), np.uint8))
    words = ["predict", "--run", str(made), "--input", str(made.parent / "in.npy"), "--steps", "1"]
    for number, (what, damaged) in enumerate(damages(content, count, 3)):
        path.write_bytes(damaged)
        yield what, [*words, "--output", str(made.parent / f"{path.stem}{number}.npy")]
    path.write_bytes(content)


def process(words: list[str], after_s: float | None = None, sent: int = 0, room: int = 0):
    """Run a command in a process of its own; returns it ended, and what it said of errors.

    Args:
        words: of the command.
        after_s: seconds after which it is sent the signal; None: never.
        sent: the signal.
        room: bytes that a file may have, as on a full disk; 0: any number.
    """

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    made = subprocess.Popen(
        [sys.executable, "-m", "tfvp", *words],
        preexec_fn=limited if room else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = made.communicate(timeout=after_s or PROCESS_SECONDS)[1]
    except subprocess.TimeoutExpired:
        made.send_signal(sent or signal.SIGKILL)
        said = made.communicate()[1]
    return made.returncode, said


def killed(folder: Path, row: Row) -> None:
    """Kill runs at 12 moments and resume each; it holds where the resumed run ends well."""
    for number in range(12):
        words = small_run(folder / str(number), "killed", "--stages", "prepare,train,evaluate")
        process(words, 3 + number, signal.SIGKILL)
        begun = (folder / str(number) / "results" / "killed").exists()
        count(
            row, f"killed after {3 + number} s", *process([*words, "--resume"] if begun else words)
        )


def signalled(folder: Path, row: Row) -> None:
    """Send SIGINT or SIGTERM at 27 moments; it holds where that ends the command in one line."""
    for number in range(27):
        words = small_run(folder / str(number), "ended", "--stages", "prepare,train,evaluate")
        sent = (signal.SIGINT, signal.SIGTERM)[number % 2]
        code, said = process(words, 2 + number / 3, sent)
        count(row, f"signal {sent} after {2 + number / 3:.1f} s", code, said, 128 + sent)


def full(folder: Path, row: Row) -> None:
    """Let no file grow beyond ten sizes; it holds where the command ends in one line."""
    for number in range(10):
        room = 500 * 2**number
        words = small_run(folder / str(number), "full", "--stages", "prepare,train,evaluate,report")
        count(row, f"files of at most {room} bytes", *process(words, room=room))


def count(row: Row, what: str, code: int, said: str, wanted: int = 1) -> None:
    """Count a process that ended by itself: well, or with one line of error."""
    lines = [line for line in said.splitlines() if line.startswith(("error: ", "terminated"))]
    if code == 0:
        row.accepted += 1
    elif "Traceback" not in said and code in (wanted, 1, -signal.SIGTERM) and len(lines) <= 1:
        row.refused += 1
    else:
        row.failed.append(f"{what}: exit {code}, {said[-300:]!r}")


PROCESSES = {"kills": killed, "signals": signalled, "full disks": full}
KINDS = {
    "sources of weights": sources_of_weights,
    "best.json of a run": records_of_the_best,
    "checkpoints of a run": checkpoints_of_a_run,
    "inputs of `tfvp predict`": inputs_of_predict,
    "inputs of `tfvp data convert`": inputs_of_convert,
    "configurations": configurations,
    "a run's config.yaml": configurations_of_runs,
    "shards and manifest of prepared data": prepared_data,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="the rows into docs/reliability.*")
    parser.add_argument("--slow", action="store_true", help="also kills, signals and full disks")
    parser.add_argument("--only", default="", help="the kinds whose name holds this text")
    arguments = parser.parse_args()
    with quiet_tensorflow_import():
        import tensorflow  # noqa: F401, prepared data are written with it
    failed = False
    for kind in (*KINDS, *(PROCESSES if arguments.slow else ())):
        if arguments.only not in kind:
            continue
        row = tried(kind)
        print(f"{kind}: {row.tried} tried, {row.refused} refused, {row.accepted} accepted")
        for failure in row.failed:
            print(f"not held, {kind}: {failure}")
        failed = failed or bool(row.failed)
        if arguments.write:
            write(row, DOCS)
    sys.exit(failed)


def tried(kind: str) -> Row:
    """Try all cases of a kind."""
    row = Row(kind)
    with tempfile.TemporaryDirectory() as folder:
        if kind in PROCESSES:
            PROCESSES[kind](Path(folder), row)
        else:
            for case in KINDS[kind](Path(folder)):
                run(row, case)
    return row


def write(row: Row, docs: Path) -> None:
    """Put a row into reliability.json in a folder, and its rows into the table beside it."""
    path, page = docs / "reliability.json", docs / "reliability.md"
    rows = json.loads(path.read_text("utf-8")) if path.exists() else {}
    held = row.refused + row.accepted
    numbers = {"tried": row.tried, "refused": row.refused, "accepted": row.accepted, "held": held}
    rows[row.kind] = numbers
    rows = {kind: rows[kind] for kind in (*KINDS, *PROCESSES) if kind in rows}
    path.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    lines = [
        ["kind", *numbers],
        ["---"] * 5,
        *([kind, *each.values()] for kind, each in rows.items()),
    ]
    table = "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
