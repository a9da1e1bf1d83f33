"""What damaged inputs, configurations and data come to: python benchmarks/faults.py [--markdown].

Every case runs a command of `tfvp` in this process, on files in a temporary folder. It holds when
the command ends within a minute with at most one line of error, never with a traceback.
`--markdown` prints the table of docs/reliability.md. A further kind is a function that yields
cases, named in KINDS.
"""

import argparse
import contextlib
import io
import os
import signal
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


KINDS = {
    "inputs of `tfvp predict`": inputs_of_predict,
    "inputs of `tfvp data convert`": inputs_of_convert,
    "configurations": configurations,
    "a run's config.yaml": configurations_of_runs,
    "shards and manifest of prepared data": prepared_data,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", action="store_true")
    markdown = parser.parse_args().markdown
    with quiet_tensorflow_import():
        import tensorflow  # noqa: F401, prepared data are written with it
    rows = []
    for kind, cases in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(Row(kind))
            for case in cases(Path(folder)):
                run(rows[-1], case)
    form = "| {} | {} | {} | {} | {} |" if markdown else "{:<40}{:>8}{:>10}{:>10}{:>8}"
    print(form.format("kind", "tried", "refused", "accepted", "held"))
    if markdown:
        print("| --- | --- | --- | --- | --- |")
    for row in rows:
        held = row.refused + row.accepted
        print(form.format(row.kind, row.tried, row.refused, row.accepted, held))
    for row in rows:
        for failure in row.failed:
            print(f"\nnot held, {row.kind}: {failure}")


if __name__ == "__main__":
    main()
