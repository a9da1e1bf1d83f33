"""What an evaluation leaves for tables and figures: per_sequence.csv, definitions, suite.json."""

import json

import numpy as np
import pytest

from tests.evaluation.test_evaluate import clips, measured, metadata
from tfvp.errors import RunError
from tfvp.evaluation.evaluate import write
from tfvp.evaluation.metrics import METRICS
from tfvp.evaluation.per_sequence import read_sequences
from tfvp.evaluation.schema import read_frames, read_metrics
from tfvp.evaluation.suites.schema import Case, Suite, case_folder, read_suite
from tfvp.runs.folder import ResultFolder


def test_every_sequence_and_frame_is_kept(tmp_path):
    """Errors 0.1, 0.2 in the first sequence's frames 4 and 5, twice that in the second's."""
    batch = np.zeros((2, 5, 8, 10, 1), np.float32)
    errors = np.array([[0.1, 0.2], [0.2, 0.4]]).reshape(2, 2, 1, 1, 1) * np.ones((1, 1, 8, 10, 1))
    found, folder = measured([batch], lambda _: errors, metrics=["mae"]), ResultFolder(tmp_path)
    write(found, folder, metadata())
    lines = folder.per_sequence_path.read_text().splitlines()
    assert lines[:3] == [
        "method,metric,sequence,mean,frame_4,frame_5",
        "model,mae,0,12,8,16",
        "model,mae,1,24,16,32",
    ]
    assert lines[3] == "copy_last_frame,mae,0,0,0,0"
    assert len(lines) == 1 + 4 * 2
    read = read_sequences(folder.per_sequence_path)
    assert read.frame_numbers == range(4, 6)
    np.testing.assert_allclose(read.values["model"]["mae"], [[8, 16], [16, 32]], rtol=1e-8)


def test_infinite_values_are_read_back(tmp_path):
    batch = clips(2)
    batch[1, 2:] = batch[1, 2:3]  # nothing moves: copying the last frame is exact
    folder = ResultFolder(tmp_path)
    write(measured([batch], metrics=["psnr_float"]), folder, metadata())
    values = read_sequences(folder.per_sequence_path).values["copy_last_frame"]["psnr_float"]
    assert np.isinf(values[1]).all()
    assert np.isfinite(values[0]).all()


def test_definitions_stand_beside_the_numbers(tmp_path):
    folder = ResultFolder(tmp_path)
    write(measured([clips(2)], metrics=["mse", "cross_entropy"]), folder, metadata())
    for row in read_frames(folder.per_frame_path):
        assert row.definition == METRICS[row.metric].definition
    assert "epsilon 1e-7" in read_metrics(folder.metrics_path).metrics["cross_entropy"].definition
    assert read_metrics(folder.metrics_path).protocol.history == "own"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method,metric\n", "expected the columns method, metric, sequence, mean"),
        ("method,metric,sequence,mean,frame_4,frame_6\n", "expected the columns"),
        ("method,metric,sequence,mean,frame_4\nmodel,mse,0,1\n", "expected 5 fields, got 4"),
        ("method,metric,sequence,mean,frame_4\nmodel,mse,1,1,1\n", "expected sequence 0"),
        ("method,metric,sequence,mean,frame_4\nmodel,mse,0,1,x\n", "could not convert"),
        ("method,metric,sequence,mean,frame_4\nmodel,mse,0,12,12", "is cut short"),
    ],
)
def test_a_damaged_file_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "per_sequence.csv"
    with pytest.raises(RunError, match="run the evaluate stage"):
        read_sequences(path)
    path.write_text(text)
    with pytest.raises(RunError, match=message):
        read_sequences(path)


def test_a_suite_says_what_was_measured_and_why_not(tmp_path):
    with pytest.raises(RunError, match="--suite robustness first"):
        read_suite(tmp_path)
    cases = [
        Case(name="digits_1", title="1 digit", subject="digits"),
        Case(name="kmnist", title="KMNIST", subject="glyphs", skipped="there is none"),
    ]
    suite = Suite(suite="robustness", cases=cases)
    (tmp_path / "suite.json").write_text(suite.model_dump_json())
    assert read_suite(tmp_path) == suite
    (tmp_path / "suite.json").write_text('{"suite": "robustness"}')
    with pytest.raises(RunError, match=r"suite\.json: cases: Field required; .*robustness again"):
        read_suite(tmp_path)
    (tmp_path / "suite.json").write_text(suite.model_dump_json())
    assert [case_folder(tmp_path, c).metrics_path for c in suite.measured] == [
        tmp_path / "digits_1" / "metrics.json"
    ]
    (tmp_path / "suite.json").write_text(json.dumps({"suite": "robustness", "cases": [{}]}))
    with pytest.raises(RunError, match=r"suite\.json: cases\.0\.name: Field required"):
        read_suite(tmp_path)
    (tmp_path / "suite.json").write_text(suite.model_dump_json().replace("digits_1", "../x"))
    with pytest.raises(RunError, match=r"cases\.0\.name: String should match"):
        read_suite(tmp_path)
