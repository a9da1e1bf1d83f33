"""Under JAX nothing is compiled twice, and operations are counted without computing."""

import json
from pathlib import Path

import pytest

from tests.contracts.test_models import CONTEXT, HORIZON, SMALL, experiment
from tests.helpers.under_jax import needs_jax, run_module, run_python
from tfvp.models.build import build_model
from tfvp.models.cost import prediction_operations

pytestmark = needs_jax

SMALL_RUN = (
    *("data.digits=sklearn", "data.digit_count=1", "data.digit_px=6", "data.frame_px=[12, 16]"),
    *("data.context_frames=2", "data.predict_frames=3", "data.train_sequences=8"),
    *("data.validation_sequences=4", "data.test_sequences=10", "model.encoder=[8]"),
    *("model.decoder=[8]", "training.steps=2", "training.global_batch=4", "evaluation.batch=4"),
    *("training.validation_clips=4", "training.validate_every=2", "evaluation.samples=2"),
)


def run(folder: Path, name: str, **environment: str):
    """All usual stages of a small run; what was said, and what was compiled, is in its output."""
    sets = [f"--set={change}" for change in (*SMALL_RUN, f"results={folder / 'results'}")]
    words = ("run", "--config", "simple_lstm", "--name", name, *sets)
    where = {"XDG_CACHE_HOME": str(folder / "cache"), "JAX_LOG_COMPILES": "1"}
    data = f"--set=data.prepared={folder / 'data'}"
    return run_module("tfvp", *words, data, **{**where, **environment})


def compiled(done) -> int:
    return done.stderr.count("Finished XLA compilation of jit(pure)")


def kept(folder: Path) -> set[str]:
    """The network's programs."""
    return {path.name for path in folder.rglob("jit_pure*-cache")}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jax")
    enabled = {"JAX_ENABLE_COMPILATION_CACHE": "true"}
    return folder, run(folder, "first", **enabled)


@pytest.mark.slow
def test_an_evaluation_compiles_the_network_once(first):
    """Its batches are of 4, 4 and 2 clips, its samples of one each."""
    _, done = first
    assert compiled(done) == 3, done.stdout  # the update, the validation, the test
    assert "compiling its prediction" in done.stdout


@pytest.mark.slow
def test_what_is_compiled_is_kept_for_the_next_process(first):
    folder, done = first
    cache = folder / "cache" / "tfvp" / "jax"
    assert done.stdout.count(f"kept in {cache}") == 1
    before = kept(cache)
    assert before
    run(folder, "second", JAX_ENABLE_COMPILATION_CACHE="true")
    assert kept(cache) == before


@pytest.mark.slow
def test_another_folder_or_none(tmp_path):
    program = "from tfvp.backend import backend; print(backend.keep_programs())"
    where = {"XDG_CACHE_HOME": str(tmp_path), "JAX_ENABLE_COMPILATION_CACHE": "true"}
    other = {**where, "JAX_COMPILATION_CACHE_DIR": "/other"}
    off = {**where, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    for environment, folder in ((where, tmp_path / "tfvp" / "jax"), (other, "/other"), (off, None)):
        assert run_python("-c", program, **environment).stdout == f"{folder}\n"


@pytest.mark.slow
def test_a_run_leaves_out_the_export_and_says_so_first(first):
    _, done = first
    assert "no export" in done.stdout.splitlines()[0]
    assert "report: " in done.stdout


@pytest.mark.slow
def test_operations_are_those_that_tensorflow_counts():
    names = list(SMALL)
    found = json.loads(run_module("tests.helpers.jax_operations", *names).stdout)
    for name in names:
        network = build_model(experiment(name))
        context = network.context_frames or CONTEXT
        assert found[name] == prediction_operations(network, context, HORIZON), name
