"""Pretrained weights: saved, read again, damaged, fetched, shipped, and started from."""

import json
import shutil
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import yaml

from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.config.training import InitConfig
from tfvp.errors import RunError, WeightsError
from tfvp.evaluation.schema import MODEL
from tfvp.inference.predictor import Predictor
from tfvp.models.build import build_model
from tfvp.porting.safetensors import read_safetensors, write_safetensors
from tfvp.presets import download
from tfvp.presets.card import about
from tfvp.presets.find import find_preset, find_trained
from tfvp.presets.folder import WEIGHTS, Example, Preset
from tfvp.presets.write import Measured
from tfvp.training.distributed.devices import Devices
from tfvp.training.initialise import initialise
from tfvp.training.loop import build_trainer


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Preset:
    """A tiny untrained network with one example, as a preset."""
    folder = tmp_path_factory.mktemp("presets")
    keras.utils.set_random_seed(1)
    of = tiny.dense(folder, "training.init.source=/home/somebody/run", f"data.root={folder}")
    predictor = Predictor(build_model(of), of, steps=7)
    frames = np.rint(255 * tiny.moving_squares()[:1]).astype(np.uint8)
    predictor.measured = Measured(None, Example(frames, predictor(frames[:, :3])))
    return predictor.save_to_preset(folder / "squares")


@pytest.fixture
def copied(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved.root, tmp_path / "copied"))


def test_what_is_saved_predicts_the_same_and_names_nothing_of_this_machine(saved):
    predictor = Predictor.from_preset(saved.root)
    assert predictor.steps == 7
    example = saved.example
    np.testing.assert_array_equal(predictor(example.frames[:, :3]), example.prediction)
    for path in saved.root.glob("*.[yjm]*"):
        assert "/home" not in path.read_text("utf-8"), path.name
        assert str(saved.root.parent) not in path.read_text("utf-8"), path.name
    _, head, text = (saved.root / "README.md").read_text("utf-8").split("---\n", 2)
    assert yaml.safe_load(head)["library_name"] == "keras"
    assert 'from_preset("squares")' in text
    with pytest.raises(RunError, match="exists and is never overwritten"):
        predictor.save_to_preset(saved.root)


def test_changed_weights_lose_the_numbers_that_were_measured(saved, tmp_path):
    predictor = Predictor.from_preset(saved.root)
    for weight in predictor.predictor.weights:
        weight.assign(keras.ops.ones_like(weight))
    again = Predictor.from_preset(predictor.save_to_preset(tmp_path / "changed").root)
    assert again.measured.metrics is None
    assert np.any(again.measured.example.prediction != saved.example.prediction)


@pytest.mark.parametrize("name", ["config.yaml", "model.safetensors", "example.npz"])
def test_a_changed_byte_is_noticed_before_anything_is_read(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[-1] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{name}: damaged or changed: expected .* SHA-256"):
        _ = Predictor.from_preset(copied).measured


def test_errors_are_one_line(copied, tmp_path):
    with pytest.raises(WeightsError, match=r"preset:nothing: no such preset; there are "):
        find_preset("preset:nothing")
    with pytest.raises(WeightsError, match=r"did you mean preset:predrnn_digits.* a run's folder"):
        Predictor.from_preset("predrn_digits")
    with pytest.raises(RunError, match="does not exist; expected the folder of a run"):
        find_trained(tmp_path / "nowhere")
    record = json.loads((copied / "preset.json").read_text("utf-8"))
    record["files"]["../x"] = record["files"]["config.yaml"]
    (copied / "preset.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"preset\.json: files"):
        find_preset(str(copied)).weights()


def start_from(source, *changes: str, folder: Path):
    of = tiny.dense(folder, *changes)
    trainer = build_trainer(of, Devices(of))
    initialise(trainer, InitConfig(source=str(source)))
    return trainer.predictor


def test_training_starts_from_a_preset_or_says_why_it_cannot(saved, tmp_path):
    network = start_from(saved.root, folder=tmp_path)
    for weight in network.weights:
        value = keras.ops.convert_to_numpy(weight)
        np.testing.assert_array_equal(value, saved.weights()[weight.path])
    with pytest.raises(WeightsError, match=r"has the shape .* the configuration makes"):
        start_from(saved.root, "model.encoder=[13]", folder=tmp_path)


def test_another_network_is_refused_before_anything_is_made(saved, tmp_path, capsys):
    words = ["run", "--config", "predrnn", "--preset", "quick", "--init-from", str(saved.root)]
    assert main([*words, "--set", f"results={tmp_path}"]) == 1
    said = capsys.readouterr().err
    assert "holds weights of the network simple_lstm, expected predrnn" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_safetensors_of_ours_are_imported_by_name(saved, tmp_path, capsys):
    out = tmp_path / "out.npz"
    sets = ["model.encoder=[12]", "model.decoder=[12]", *tiny.OF_ANY]
    words = [word for each in sets for word in ("--set", each)]
    source = str(saved.root / WEIGHTS)
    assert main(["import", source, "--config", "simple_lstm", *words, "--out", str(out)]) == 0
    assert "0 without a counterpart" in capsys.readouterr().out
    with np.load(out) as arrays:
        for name, value in saved.weights().items():
            np.testing.assert_array_equal(arrays[f"weights/{name}"], value)


def test_safetensors_keep_values_whatever_their_order_in_memory(tmp_path):
    values = {"a": np.arange(6, dtype="float32").reshape(2, 3).T, "b": np.float32(2)}
    write_safetensors(tmp_path / "x.safetensors", values, {})
    for name, value in read_safetensors(tmp_path / "x.safetensors").items():
        np.testing.assert_array_equal(value, values[name])
    (tmp_path / "x.safetensors").write_bytes(b"\x08" + 20 * b"\0")
    with pytest.raises(WeightsError, match="not a safetensors file, or damaged"):
        read_safetensors(tmp_path / "x.safetensors")


# --- from the network ---


@pytest.fixture
def web(saved, tmp_path, monkeypatch) -> list[str]:
    """A web server without a network; returns the addresses asked for."""
    import pooch

    asked = []
    archive = tmp_path / "squares.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in saved.root.iterdir():
            packed.write(path, f"squares/{path.name}")
        packed.writestr("../../escaped.txt", "no file of a preset")

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        source = archive if url.endswith(".zip") else saved.root / url.rsplit("/", 1)[1]
        return str(shutil.copyfile(source, Path(path) / fname))

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return asked


@pytest.mark.parametrize("address", ["https://x.org/a/squares.zip", "https://x.org/a/squares/"])
def test_an_address_is_fetched_once_and_checked(web, saved, tmp_path, address):
    for _ in range(2):
        found = find_preset(address)
        assert found.weights().keys() == saved.weights().keys()
    assert len(web) == len(set(web))
    assert not list(tmp_path.rglob("escaped.txt"))
    left = {path.name for path in found.root.iterdir()}
    assert left <= set(download.FILES)


def test_what_cannot_be_fetched_is_one_line_and_leaves_nothing(web, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("down")

    monkeypatch.setattr(download, "_fetch", refuse)
    with pytest.raises(WeightsError, match=r"https://x\.org/other/: cannot be fetched: down"):
        find_preset("https://x.org/other/")
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_the_hub_needs_its_client_and_is_asked_for_our_files_alone(saved, monkeypatch):
    monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install huggingface-hub, or"):
        find_preset("hf://somebody/squares")
    asked = {}

    def snapshot_download(repo_id, allow_patterns):
        asked.update(repo=repo_id, files=allow_patterns)
        return str(saved.root)

    client = SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    assert find_preset("hf://somebody/squares").root == saved.root
    assert asked == {"repo": "somebody/squares", "files": list(download.FILES)}


def test_an_error_is_said_beside_copying_though_a_method_lacks_it(saved):
    errors = {MODEL: 2.0, "copy_last_frame": 4.0, "entropy_bound": None}
    measured = SimpleNamespace(
        metadata=SimpleNamespace(data="squares", model_extra={}),
        metrics={"mae": SimpleNamespace(title="MAE")},
        results={m: {"mae": SimpleNamespace(value=e)} if e else {} for m, e in errors.items()},
    )
    preset = SimpleNamespace(experiment=saved.experiment, record=saved.record, metrics=measured)
    assert about(preset)["error"] == "MAE 2; copy last frame 4"


def test_one_command_predicts_without_training_or_data(saved, tmp_path, capsys):
    out = tmp_path / "prediction.gif"
    assert main(["predict", str(saved.root), "--output", str(out)]) == 0
    assert out.stat().st_size > 0
    assert "3 frames predicted" in capsys.readouterr().out
    assert main(["predict", "--output", str(tmp_path / "b.gif")]) == 2
    assert "name the weights once" in capsys.readouterr().err
