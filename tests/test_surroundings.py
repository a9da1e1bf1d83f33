"""What other work left behind, settings, variables and folders, changes no number."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tfvp
from tests import ROOT
from tests.helpers import tiny
from tfvp.errors import ConfigError
from tfvp.runs.folder import Run
from tfvp.training.checkpoints import Checkpoints, read_state

LIBRARY = """
import tfvp
try:
    tfvp.build_model("simple_lstm", preset="quick")
except tfvp.errors.ConfigError as error:
    print(error)
"""


def python(*words: str, cwd: Path = ROOT, umask: int = -1, **environment: str):
    """Run Python with variables of one's own; KERAS_BACKEND is what keras.json says."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    if "KERAS_HOME" in environment:
        variables.pop("KERAS_BACKEND", None)
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=variables,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )


def keras_home(folder: Path, **settings: str) -> str:
    """A folder with a keras.json of other work."""
    usual = {"floatx": "float32", "image_data_format": "channels_last", "backend": "tensorflow"}
    folder.mkdir()
    (folder / "keras.json").write_text(json.dumps({**usual, "epsilon": 1e-7, **settings}))
    return str(folder)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"floatx": "float16"}, "floatx() is float16"),
        ({"backend": "torch"}, "set KERAS_BACKEND=tensorflow"),
    ],
)
def test_the_library_refuses_settings_of_keras_that_it_does_not_compute_with(
    tmp_path, settings, said
):
    home = keras_home(tmp_path / "keras", **settings)
    done = python("-c", "import tfvp.errors" + LIBRARY, KERAS_HOME=home)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


@pytest.fixture
def channels_first():
    """Keras as other work in this process may have set it."""
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.usefixtures("channels_first")
def test_the_library_refuses_a_setting_that_was_made_before():
    with pytest.raises(ConfigError, match=r"image_data_format\(\) is channels_first"):
        tfvp.build_model("simple_lstm", preset="quick")


@pytest.mark.parametrize("backend", ["torch", "tensorflwo"])
def test_the_command_line_refuses_another_backend_in_a_line(tmp_path, backend):
    home = keras_home(tmp_path / "keras", backend=backend)
    done = python("-m", "tfvp", "run", "--config", "simple_lstm", cwd=tmp_path, KERAS_HOME=home)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, len(errors)) == (1, 1), done.stderr
    assert backend in errors[0]
    assert "Traceback" not in done.stderr


def run_tiny(folder: Path, **surroundings) -> dict[str, np.ndarray]:
    """Train a tiny network in a process of its own; returns its last checkpoint."""
    sets = [*tiny.OF_ANY, "model.encoder=[12]", "model.decoder=[12]"]
    sets += [f"results={folder / 'results'}", f"data.prepared={folder / 'data'}"]
    words = [word for each in sets for word in ("--set", each)]
    words += ["--config", "simple_lstm", "--name", "tiny", "--stages", "prepare,train,evaluate"]
    done = python("-m", "tfvp", "run", *words, **surroundings)
    assert done.returncode == 0, done.stderr[-2000:]
    run = Run(folder / "results" / "tiny")
    assert json.loads((run.root / "metrics.json").read_text("utf-8"))
    return read_state(Checkpoints(run.checkpoints).path(6))


@pytest.mark.slow
def test_odd_surroundings_change_no_number(tmp_path):
    usual = run_tiny(tmp_path / "usual")
    elsewhere = tmp_path / "else where ü"
    elsewhere.mkdir()
    odd: dict[str, dict] = {
        "C locale": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "one thread": {"OMP_NUM_THREADS": "1"},
        "no GPU": {"CUDA_VISIBLE_DEVICES": ""},
        "umask": {"umask": 0o077},
        "folder": {"cwd": elsewhere},
        "TMPDIR": {"TMPDIR": str(elsewhere)},
        "float16": {"KERAS_HOME": keras_home(tmp_path / "16", floatx="float16")},
        "channels first": {
            "KERAS_HOME": keras_home(tmp_path / "first", image_data_format="channels_first")
        },
    }
    for name, surroundings in odd.items():
        found = run_tiny(tmp_path / name, **surroundings)
        assert found.keys() == usual.keys()
        for key, value in usual.items():
            assert found[key].dtype == value.dtype, (name, key)
            if value.dtype.kind == "U":
                assert found[key] == value
                continue
            # another number of threads may sum in another order
            np.testing.assert_allclose(found[key], value, atol=1e-6, err_msg=f"{name}: {key}")
    assert not list(elsewhere.iterdir())
