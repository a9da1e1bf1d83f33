"""The benchmark of networks and what it measures: operations counted right, numbers that add up."""

import json
import sys

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import tiny
from tests.helpers.scripts import BENCHMARKS, benchmark
from tfvp.models.build import build_model
from tfvp.models.cost import count_operations, prediction_operations
from tfvp.models.registry import MODELS, info
from tfvp.profiling import step_cost as profiling


def test_operations_by_hand():
    x, kernel = ops.ones((2, 6, 5, 3)), ops.ones((3, 3, 3, 4))
    each = 2 * 9 * 3 * 4  # of a place
    assert count_operations(lambda: ops.conv(x, kernel, padding="same")) == 2 * 6 * 5 * each
    assert count_operations(lambda: ops.conv(x, kernel)) == 2 * 4 * 3 * each
    assert count_operations(lambda: ops.conv(x, kernel, 2, "same")) == 2 * 3 * 3 * each
    up = ops.ones((3, 3, 4, 3))  # rows, columns, to, from
    assert count_operations(lambda: ops.conv_transpose(x, up, 2)) == 2 * 6 * 5 * each
    a, b = ops.ones((7, 2, 3)), ops.ones((7, 3, 5))
    assert count_operations(lambda: ops.matmul(a, b)) == 2 * 7 * 2 * 3 * 5
    assert count_operations(lambda: ops.einsum("nij,njk->nik", a, b)) == 2 * 7 * 2 * 3 * 5
    assert count_operations(lambda: ops.tanh(a) + a) == 0


def test_operations_inside_layers_of_keras_count():
    layers = [keras.layers.Dense(5), keras.layers.Conv2D(4, 3), keras.layers.LSTMCell(6)]
    dense, conv, cell = layers
    assert count_operations(lambda: dense(ops.ones((2, 3)))) == 2 * 2 * 3 * 5
    assert count_operations(lambda: conv(ops.ones((1, 3, 3, 2)))) == 2 * 9 * 2 * 4
    state = [ops.ones((1, 6))] * 2
    assert count_operations(lambda: cell(ops.ones((1, 3)), state)) == 2 * (3 + 6) * 4 * 6


def test_counting_leaves_keras_as_it_was():
    from keras.src import backend

    before = backend.nn.conv, backend.numpy.matmul
    with pytest.raises(ZeroDivisionError):
        count_operations(lambda: 1 / 0)
    assert (backend.nn.conv, backend.numpy.matmul) == before


def test_operations_of_a_prediction_by_hand(tmp_path):
    """SimpleLSTM of 12x16 pixels and 12 units: each further frame is decoded, and remembered."""
    network = build_model(tiny.dense(tmp_path))
    pixels, units = 12 * 16, 12
    lstm, dense = 4 * units * (units + units), units * units + units * pixels
    shorter = prediction_operations(network, 3, 2)
    longer = prediction_operations(network, 3, 3)
    assert longer - shorter == pytest.approx(2 * (lstm + dense))


@pytest.fixture(scope="module")
def cost(tmp_path_factory):
    experiment = tiny.dense(tmp_path_factory.mktemp("cost"))
    seen = []
    return profiling.measure(experiment, batch=2, steps=3, report=seen.append), seen


@pytest.mark.slow
def test_numbers_add_up(cost):
    measured, seen = cost
    assert seen == [1, 2, 3, 4]
    assert measured.batch == 2
    assert measured.frames == 6
    assert measured.ratio == pytest.approx(measured.step / measured.floor)
    assert measured.first_step > measured.step > measured.floor > 0
    assert 0.05 < measured.peak_gb < 20
    assert measured.frames_per_s > 0


def test_floor_is_operations_over_the_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(profiling, "matrix_rate", lambda dtype: profiling.Clock(2e9, 1e9))
    measured = profiling.measure(tiny.dense(tmp_path), batch=2, steps=1)
    assert (measured.product, measured.tflops) == ("float32", 2e-3)
    assert measured.floor == pytest.approx(measured.gflop / 2)
    assert measured.floor_cpu == pytest.approx(measured.gflop)


def test_the_rate_is_that_of_the_quickest_product(monkeypatch):
    rates = iter([profiling.Clock(3, 5), profiling.Clock(4, 2), profiling.Clock(1, 1)] * 3)
    monkeypatch.setattr(profiling, "_rate", lambda dtype, size: next(rates))
    assert profiling.matrix_rate("float32") == profiling.Clock(4, 5)


@pytest.mark.slow
def test_benchmark_in_a_process_of_its_own(tmp_path, monkeypatch, capsys):
    module = benchmark("models")
    file = tmp_path / "numbers.json"
    small = [
        "data.frame_px=[12, 16]",
        "data.digit_px=6",
        "data.context_frames=2",
        "data.predict_frames=2",
    ]
    small += ["model.encoder=[8]", "model.decoder=[8]"]
    arguments = ["simple_lstm", "--steps", "1", "--json", str(file), *(f"--set={s}" for s in small)]
    monkeypatch.setattr(sys, "argv", ["models.py", *arguments])
    module.main()
    (row,) = json.loads(file.read_text())
    assert row["config"] == "simple_lstm"
    assert row["parameters"] == (192 + 1) * 8 + 4 * 8 * (8 + 8 + 1) + (8 + 1) * 8 + (8 + 1) * 192
    assert row["product"] == "float32"
    assert all(np.isfinite(row[k]) for k in module.COLUMNS.values() if k != "product")
    measured = capsys.readouterr().out
    assert f"{row['parameters']:,}" in measured
    monkeypatch.setattr(sys, "argv", ["models.py", "--show", str(file)])
    module.main()
    assert capsys.readouterr().out == measured


def test_a_wrong_setting_is_said_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["models.py", "simple_lstm", "--set=model.encodr=[8]"])
    with pytest.raises(SystemExit, match=r"error: --set: model.encodr"):
        benchmark("models").main()


def test_every_network_is_measured(monkeypatch, capsys):

    module, asked = benchmark("models"), []

    def fake(config, batch, arguments):
        asked.append((config, batch))
        row = dict.fromkeys(module.COLUMNS.values(), 1.0)
        return {**row, "label": config, "precision": "float32", "batch": batch, "load": 3.0}

    monkeypatch.setattr(module, "measure_in_a_process", fake)
    monkeypatch.setattr(sys, "argv", ["models.py"])
    module.main()
    assert sorted(asked) == sorted({(info(name).config, 2) for name in MODELS})
    assert "3.0 processes wanted each core" in " ".join(capsys.readouterr().out.split())

    asked.clear()
    monkeypatch.setattr(sys, "argv", ["models.py", "e3d", "predrnn", "--batch", "2", "4"])
    module.main()
    assert asked == [(config, clips) for config in ("e3d", "predrnn") for clips in (2, 4)]


@pytest.mark.parametrize("name", ["performance", "performance_networks", "performance_clips"])
def test_the_page_about_performance_holds_what_was_measured(name):
    docs = BENCHMARKS.parent / "docs"
    rows = json.loads((docs / f"{name}.json").read_text())
    assert benchmark("models").markdown(rows) in (docs / "performance.md").read_text()


def test_the_page_holds_what_compiling_took():
    docs = BENCHMARKS.parent / "docs"
    rows = json.loads((docs / "performance_compiling.json").read_text())
    assert benchmark("compiling").markdown(rows) in (docs / "performance.md").read_text()


def test_a_second_start_finds_the_programs_of_the_first(monkeypatch, capsys):
    module, folders, took = benchmark("compiling"), [], iter([(1.0, 7.0), (1.0, 1.0)])

    def fake(config, frames, kept):
        folders.append(kept)
        trace, compiled = next(took)
        return {"trace CPU s": trace, "compile CPU s": compiled}

    monkeypatch.setattr(module, "measure_in_a_process", fake)
    first, second = module.starts("e3d", 10, True)
    assert module.OF_FIRST not in first
    assert second[module.OF_FIRST] == 2.0 / 8.0
    assert folders[0] == folders[1] is not None
    monkeypatch.setattr(sys, "argv", ["compiling.py", "--again", "--trace-alone"])
    with pytest.raises(SystemExit):
        module.main()
    assert "leave --trace-alone out" in capsys.readouterr().err
