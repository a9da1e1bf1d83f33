"""tfvp export: each format in its own runtime, the model card, and the guide's request."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import tiny
from tfvp.errors import RunError
from tfvp.evaluation.evaluate import evaluate, write
from tfvp.evaluation.metadata import run_metadata
from tfvp.export import runtimes, saved_model
from tfvp.export.model_card import write_card
from tfvp.export.runtimes import FORMATS, export_runtime
from tfvp.export.saved_model import export_saved_model
from tfvp.models.build import build_model
from tfvp.models.conv_lstm_stack.network import ConvLSTMStack
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.runs.folder import Run


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return tiny.experiment(
        tmp_path_factory.mktemp("export"),
        "model.hidden=[4, 4]",
        "model.wiring=residual",
        "data.predict_frames=2",
    )


@pytest.fixture(scope="module")
def network(experiment):
    return build_model(experiment)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_predicts_as_the_network_in_its_own_runtime(kind, network, experiment, tmp_path):
    path, worst = export_runtime(network, experiment.data, tmp_path, kind)
    assert worst <= 1e-4
    run = FORMATS[kind].load(path.read_bytes())
    for batch, length in [(1, 3)] if kind == "litert" else [(1, 3), (3, 5)]:
        frames = np.random.default_rng(1).random((batch, length, 12, 16, 1), np.float32)
        wanted = np.asarray(network.predict_frames(frames, 2))
        np.testing.assert_allclose(run(frames), wanted, atol=1e-4)


def test_all_that_an_export_writes_is_cleared_by_the_next_one_after_a_kill(
    network, tmp_path, monkeypatch
):
    def killed(folder, numbers):
        """Leave what SIGKILL would leave, under the number of a process that ended."""
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        assert numbers.is_relative_to(folder)
        shutil.copytree(folder, tmp_path / f".saved_model.{ended.pid}.new")
        return 0.0

    monkeypatch.setattr(saved_model, "_save", lambda network, horizon, folder: folder.mkdir())
    monkeypatch.setattr(saved_model, "_compare", killed)
    export_saved_model(network, 2, tmp_path / "saved_model")
    assert len(list(tmp_path.glob(".saved_model.*.new/expected.npz"))) == 1
    monkeypatch.setattr(saved_model, "_compare", lambda folder, numbers: 0.0)
    export_saved_model(network, 2, tmp_path / "saved_model")
    assert [path.name for path in tmp_path.rglob("*")] == ["saved_model"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_extra_is_one_line(kind, network, experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RunError, match=r"not installed; pip install \w+"):
        export_runtime(network, experiment.data, tmp_path, kind)
    assert not list(tmp_path.iterdir())


def test_a_file_that_differs_is_not_written(network, experiment, tmp_path, monkeypatch):
    """A runtime that is wrong by 0.01, and a converter that gives up."""

    def load(content):
        return lambda x: np.asarray(network.predict_frames(x, 2)) + 0.01

    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: True)
    wrong = FORMATS["onnx"]._replace(convert=lambda *_: b"", load=load)
    monkeypatch.setitem(FORMATS, "onnx", wrong)
    with pytest.raises(RunError, match=r"differs from the network by 0\.01"):
        export_runtime(network, experiment.data, tmp_path, "onnx")
    broken = wrong._replace(convert=lambda *_: 1 / 0)
    monkeypatch.setitem(FORMATS, "onnx", broken)
    with pytest.raises(RunError, match="cannot be converted: division by zero"):
        export_runtime(network, experiment.data, tmp_path, "onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_request_in_the_guide_is_answered_by_a_saved_model(root, tmp_path):
    """As TensorFlow Serving does it: the signature by its name, the inputs by theirs."""
    (text,) = re.findall(
        r"```json\n(.*?)```", (root / "docs/guides/export.md").read_text(), re.DOTALL
    )
    request = json.loads(text)
    tiny_network = RecurrentPredictor(
        ConvLSTMStack((2,), {"kernel": (3, 3), "state_kernel": (3, 3)}), (1, 1, 1)
    )
    export_saved_model(tiny_network, 2, tmp_path / "saved_model")
    served = tf.saved_model.load(str(tmp_path / "saved_model"))
    signature = served.signatures[request["signature_name"]]
    inputs = {name: tf.constant(value, tf.float32) for name, value in request["inputs"].items()}
    answer = signature(**inputs)["predictions"].numpy()
    frames = np.array([0, 1], np.float32).reshape(1, 2, 1, 1, 1)
    np.testing.assert_allclose(answer, tiny_network.predict_frames(frames, 2), atol=1e-6)


def test_the_card_says_what_how_and_under_which_terms(experiment, network):
    run = Run(experiment.results / experiment.name)
    (run.export / "saved_model").mkdir(parents=True)
    write_card(run, experiment, 7)
    card = (run.export / "MODEL_CARD.md").read_text()
    assert "context (B, T, 12, 16, 1)" in card
    assert "predictions (B, 2, 12, 16, 1)" in card
    assert "step 7" in card
    assert "`saved_model`" in card
    assert "model.onnx" not in card  # it is not there
    assert "not evaluated yet" in card
    truth = np.zeros((2, 5, 12, 16, 1), np.float32)
    found = evaluate(
        lambda context: np.full((2, 2, 12, 16, 1), 0.1),
        [truth],
        context_frames=3,
        predict_frames=2,
        metrics=["mae", "psnr_uint8", "cross_entropy"],
    )
    data_facts = {"title": "Squares", "label": "a label", "terms": "ask first"}
    write(found, run, run_metadata(experiment, data_facts, steps=7, checkpoint="last"))
    write_card(run, experiment, 7)
    card = (run.export / "MODEL_CARD.md").read_text()
    assert "| this network | 19.2 |" in card  # 12 x 16 x 0.1
    assert "| black frame | 0 | – |" in card
    assert re.search(r"\| entropy bound \|  \|  \| \d", card)  # has a cross entropy alone
    assert "whose mean is infinite" in card
    assert not re.search(r"\binf\b|\bNone\b|trained_on|\d{9}", card)
    assert "trained on: ask first" in card
    assert "2 test sequences" in card
