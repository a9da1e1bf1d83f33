"""What the first release (revision 295aa6d) wrote loads, goes on and gives its numbers."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

import tfvp
from tests import GOLDENS, ROOT
from tests.helpers import tiny
from tfvp.config.loading import load_resolved
from tfvp.errors import WeightsError
from tfvp.experiment.stages import run_stages
from tfvp.training.checkpoints import Checkpoints

EARLIER = GOLDENS / "earlier"
EXPECTED = np.load(EARLIER / "expected.npz", allow_pickle=False)


def test_a_run_goes_on_to_the_same_weights(tmp_path):
    """It was interrupted after step 4 of 6; the expected weights are of one that was not."""
    shutil.copytree(EARLIER / "run", tmp_path / "results" / "straight")
    homes = [f"results={tmp_path / 'results'}", f"data.prepared={tmp_path / 'data'}"]
    experiment = load_resolved(EARLIER / "run" / "config.yaml", homes)
    job = tiny.job(experiment, resume=True)
    run_stages(job, ("prepare", "train"))  # the data's hash is compared with the run's
    assert "resuming after step 4 of 6" in job.console.export_text()
    state = Checkpoints(job.run.checkpoints).load(6)
    names = [name for name in EXPECTED.files if name.startswith("resumed/")]
    assert len(names) > 20
    for name in names:
        found = state[name.removeprefix("resumed/")]
        np.testing.assert_allclose(found, EXPECTED[name], atol=1e-6, err_msg=name)


# What the first release predicts with the same weights in float64, where no CPU's order of sums
# shows: in float32 conv_lstm_skip, whose logits reach 10, is moved 1e-5 by it.
PREDICT = """
import numpy as np
{imports}
def load(path):
    return {load}
given, exact = load({given!r}), load({exact!r})
for w, v in zip(given.weights, exact.weights, strict=True):
    assert w.path == v.path and np.array_equal(w, v), w.path
x = np.random.default_rng(0).random((1, 3, 16, 16, 1), np.float32)
assert np.asarray(given.predict_frames(x, 2)).dtype == np.float32
np.save({out!r}, np.asarray(exact.predict_frames(x.astype("float64"), 2)))
"""


def in_float64(file: Path, folder: Path) -> Path:
    """A copy of a .keras file whose layers compute in float64, with the same weights."""
    copy = folder / file.name
    with ZipFile(file) as given, ZipFile(copy, "w") as written:
        for name in given.namelist():
            content = given.read(name)
            if name == "config.json":
                content = content.replace(b'"name": "float32"', b'"name": "float64"')
            written.writestr(name, content)
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prednet", "conv_lstm_skip"])
@pytest.mark.parametrize(
    ("imports", "load"),
    [
        ("import tfvp, keras", "keras.saving.load_model(path)"),
        ("import keras, tfvp", "keras.saving.load_model(path)"),
        ("import tfvp", "tfvp.load_network(path)"),
    ],
)
def test_a_keras_file_loads_after_a_bare_import(name, imports, load, tmp_path):
    given = EARLIER / f"{name}.keras"
    exact, out = in_float64(given, tmp_path), str(tmp_path / "found.npy")
    program = PREDICT.format(
        imports=imports, load=load, given=str(given), exact=str(exact), out=out
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    found = np.load(out)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, EXPECTED[f"predictions/{name}"], atol=1e-10, rtol=0)


def test_what_is_no_network_is_refused_in_a_line(tmp_path):
    with pytest.raises(WeightsError, match=r"no\.keras: does not exist; expected a \.keras file"):
        tfvp.load_network(tmp_path / "no.keras")
    (tmp_path / "text.keras").write_text("text")
    with pytest.raises(WeightsError, match=r"text\.keras: cannot be loaded: "):
        tfvp.load_network(tmp_path / "text.keras")
    import keras

    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(WeightsError, match="expected a network of tfvp, got Sequential"):
        tfvp.load_network(tmp_path / "other.keras")


def test_the_public_names_are_listed_and_there():
    assert {"load_config", "build_model", "load_network", "Predictor"} <= set(dir(tfvp))
    for name in tfvp.__all__:
        assert getattr(tfvp, name) is not None
