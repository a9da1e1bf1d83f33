"""`KERAS_BACKEND=jax` trains as TensorFlow does, without TensorFlow."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests import ROOT
from tests.helpers import tiny
from tfvp.experiment.stages import run_stages
from tfvp.runs.folder import Run
from tfvp.training.checkpoints import Checkpoints, read_state, state_of
from tfvp.training.distributed.devices import Devices
from tfvp.training.loop import build_trainer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed"
)


def on_jax(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # most of the time is compiling
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def train_on_both(folder, *more):
    """The same three updates under TensorFlow and under JAX, from the same weights."""
    source = folder / "init.npz"
    changes = (
        "data.context_frames=2",
        "data.predict_frames=3",
        "training.steps=3",
        "training.micro_batch=2",
        f"training.init.source={source}",
        *more,
    )
    job = tiny.job(tiny.experiment(folder, *changes, name="tensorflow"))
    trainer = build_trainer(job.experiment, Devices(job.experiment))
    np.savez(source, **state_of(0, trainer.predictor, trainer.average, trainer.optimizer))
    run_stages(job, ("prepare", "train", "evaluate"))
    homes = (f"results={folder / 'results'}", f"data.prepared={folder / 'data'}")
    sets = [word for change in (*tiny.CHANGES, *changes, *homes) for word in ("--set", change)]
    words = ("run", "--config", "e3d_residual", "--name", "jax", *sets)
    done = on_jax("tests.helpers.without_tensorflow", *words)
    assert done.returncode == 0, done.stderr[-2000:]
    return job.run, Run(folder / "results" / "jax"), done


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train_on_both(tmp_path_factory.mktemp("backends"))


@pytest.mark.slow
def test_three_updates_give_the_weights_of_tensorflow(trained):
    check_alike(*trained[:2])


@pytest.mark.slow
def test_three_updates_of_muon_on_a_part_of_the_future_of_changed_clips_do_too(tmp_path):
    muon = ("training.optimizer.kind=muon", "training.predict_frames=2")
    changed = ("training.augmentation.flip=[time]", "training.augmentation.contrast=1")
    check_alike(*train_on_both(tmp_path, *muon, *changed)[:2])


def check_alike(*runs):
    of_tensorflow, of_jax = (read_state(Checkpoints(run.checkpoints).path(3)) for run in runs)
    assert of_tensorflow.keys() == of_jax.keys()
    for name, value in of_tensorflow.items():
        if value.dtype.kind == "U":  # the metric that decides
            assert of_jax[name] == value
        elif name.startswith("optimizer/"):  # its moments are sums over pixels
            np.testing.assert_allclose(of_jax[name], value, rtol=1e-3, atol=1e-3, err_msg=name)
        else:
            np.testing.assert_allclose(of_jax[name], value, rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_the_run_folder_is_the_same(trained):
    names = [
        {str(p.relative_to(run.root)) for p in run.root.rglob("*") if "tfevents" not in p.name}
        for run in trained[:2]
    ]
    assert names[0] == names[1]
    masks = [
        [row.split(",")[-1] for row in run.train_log.read_text().splitlines()]
        for run in trained[:2]
    ]
    assert masks[0] == masks[1]
    metrics = [json.loads(run.metrics_path.read_text())["results"] for run in trained[:2]]
    assert metrics[0].keys() == metrics[1].keys()
    for name in ("mse", "ssim_thesis", "psnr_uint8"):
        ours, theirs = (each["model"][name]["mean"] for each in metrics)
        assert ours == pytest.approx(theirs, rel=1e-4), name


@pytest.mark.slow
def test_data_are_prepared_and_what_needs_tensorflow_says_so_in_a_line(trained):
    done = trained[2]
    assert "codes: {'train': 0, 'export': 2, 'prepare': 0, 'mirrored': 2, " in done.stdout
    export, mirrored = [line for line in done.stderr.splitlines() if "error:" in line]
    assert "KERAS_BACKEND=tensorflow" in export
    assert "mirrored needs KERAS_BACKEND=tensorflow" in mirrored
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_profile_needs_no_tensorflow(trained):
    done = trained[2]
    assert "'profile': 0}" in done.stdout
    value = dict(re.findall(r"^(?:  )?(\w[\w ]*?) {2,}(\S*)", done.stdout, flags=re.MULTILINE))
    seconds = {name: float(value[name]) for name in ("step", "forward", "backward", "update")}
    assert min(seconds["step"], seconds["forward"]) > 0
    assert float(value["memory"]) > 0.1
