"""The minutes on a GPU: parts end in time, failures are noted, and what is small is kept."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests import ROOT
from tests.helpers.scripts import BENCHMARKS, benchmark
from tests.helpers.small_data import SMALL, prepared_copy
from tests.helpers.under_jax import needs_jax
from tfvp.runs.folder import Run

on_gpu = benchmark("on_gpu")


def test_a_training_is_named_by_config_preset_and_share():
    assert on_gpu.Part.of("e3d:quick=3") == ("e3d", "quick", 3.0)
    assert on_gpu.Part.of("my/e3d.yaml") == ("my/e3d.yaml", None, 1.0)
    assert [on_gpu.Part.of(text).name for text in ("e3d:quick=3", "my/a.yaml")] == [
        "e3d-quick",
        "a",
    ]
    for wrong in ("", "=2", "e3d=0", "e3d=-1", "e3d=nan", "e3d=x"):
        with pytest.raises(ValueError):  # noqa: PT011, argparse says it
            on_gpu.Part.of(wrong)


TIDY = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("tidy"), sys.exit(143)))
print("on", flush=True); time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('no', flush=True)\n"
STUBBORN += "import time; time.sleep(60)"


def test_parts_end_in_time_and_are_noted(tmp_path):
    began, parts = time.monotonic(), on_gpu.Parts(tmp_path, budget=100)
    parts.run("good", ["-c", "print(1)"], 50)
    parts.run("bad", ["-c", "print('why'); raise SystemExit('because')"], 50)
    parts.run("tidy", ["-c", TIDY], 2, patience=30)
    parts.run("stubborn", ["-c", STUBBORN], 2, patience=0.2)
    parts.run("late", ["-c", "print(1)"], parts.left(0.0))
    assert time.monotonic() - began < 40
    noted = json.loads((tmp_path / "summary.json").read_text())["parts"]
    results = {part["part"]: part["result"] for part in noted}
    assert results == {
        "good": "done",
        "bad": "failed",
        "tidy": "ended in time",
        "stubborn": "killed",
        "late": "skipped",
    }
    assert [part.get("reason") for part in noted] == [
        None,
        "because",
        None,
        "no",
        "no time was left",
    ]
    assert "tidy" in (tmp_path / "tidy.log").read_text()


def test_what_a_part_started_ends_with_it(tmp_path):
    child = "import time, pathlib; time.sleep(4); pathlib.Path('{}').touch()"
    late = tmp_path / "late"
    start = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child.format(late)!r}])"
    )
    on_gpu.Parts(tmp_path, budget=100).run("parent", ["-c", start], 1.5)
    time.sleep(4)
    assert not late.exists()


def test_the_average_is_kept_as_float16(tmp_path):
    run = Run(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    state = {
        "step": np.asarray(7),
        "weights/a": np.asarray([1.0, 2.0], "float32"),
        "average/a": np.asarray([0.1, 3.0], "float32"),
        "weights/variance": np.asarray([1e6], "float32"),
        "weights/seed": np.asarray([5, 6], "uint32"),
        "optimizer/m": np.zeros(3),
    }
    np.savez(run.checkpoints / "step-00000007.npz", **state)
    on_gpu.keep(run, tmp_path / "kept")
    kept = dict(np.load(tmp_path / "kept" / "weights.npz"))
    assert kept.keys() == {"step", "weights/a", "weights/variance", "weights/seed"}
    assert kept["weights/a"].dtype == "float16"
    np.testing.assert_array_equal(kept["weights/a"], np.asarray([0.1, 3.0], "float16"))
    np.testing.assert_array_equal(kept["weights/variance"], [1e6])
    assert kept["weights/seed"].dtype == "uint32"


@needs_jax
@pytest.mark.slow
def test_a_minute_on_the_cpu_without_tensorflow(tmp_path: Path):
    """One training cannot begin, OpenSTL is not there; all the rest is measured and kept."""
    data, out = tmp_path / "data", tmp_path / "out"
    prepared_copy(data)
    hidden = tmp_path / "hidden"  # no process that this starts finds TensorFlow
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['tensorflow'] = None\n")
    changes = [f"data.{key}={list(v) if isinstance(v, tuple) else v}" for key, v in SMALL.items()]
    changes += ["model.encoder=[8]", "model.decoder=[8]", "training.steps=100000000"]
    changes += [
        "training.log_every=1",
        "training.validation_clips=4",
        "evaluation.samples=2",
        "training.global_batch=4",
    ]
    words = ["nowhere", "simple_lstm=3", *[f"--set={change}" for change in changes]]
    words += ["--data", data, "--out", out, "--budget", "60", "--openstl", tmp_path / "none"]
    words += ["--batch", "2", "--networks", "nowhere", "simple_lstm:quick"]
    fast = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    path = os.pathsep.join([str(hidden), str(ROOT)])
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "on_gpu.py", *words],
        env={**os.environ, **fast, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert time.monotonic() - began < 75
    assert done.returncode == 1, done.stderr
    noted = {part["part"]: part for part in json.loads((out / "summary.json").read_text())["parts"]}
    said = {name: log.read_text() for name in noted if (log := out / f"{name}.log").is_file()}
    assert noted["check"]["result"] == "done", said
    assert noted["peers"]["exit_code"] == 2
    assert "has no openstl/models" in noted["peers"]["reason"]
    assert "config nowhere not found" in noted["updates-nowhere"]["reason"]
    # the large products that make the floor take longer on a slow CPU than the updates have
    updates = noted["updates-simple_lstm-quick"]["result"]
    assert updates == "killed" or json.loads((out / "updates-simple_lstm-quick.json").read_text())
    assert noted["train-nowhere"]["result"] in ("failed", "killed")  # where it had too little time
    assert "nowhere" in noted["train-nowhere"]["reason"]
    assert "evaluate-nowhere" not in noted
    assert noted["train-simple_lstm"]["result"] == "ended in time", said
    assert noted["evaluate-simple_lstm"]["result"] == "done", said
    files = {path.name for path in (out / "simple_lstm").iterdir()}
    assert {"config.yaml", "provenance.json", "metrics.json", "per_frame.csv"} <= files
    assert {"weights.npz", "train.csv"} <= files
    assert noted["train-simple_lstm"]["exit_code"] == 143
