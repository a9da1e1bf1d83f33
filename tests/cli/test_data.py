"""`tfvp data`: prepare says terms, inspect says and draws, verify names what is damaged."""

import fcntl
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.small_data import SMALL, find, prepared_copy
from tfvp.cli.main import main
from tfvp.data.inspect import _FONT, LABEL_PX, sheet_label
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.partial import ENTRY

SETTINGS = [
    f"--set=data.{key}={list(value) if isinstance(value, tuple) else value}"
    for key, value in SMALL.items()
]


@pytest.fixture
def config(tmp_path, monkeypatch) -> MovingMnistData:
    """Settings whose data lie prepared in a folder that the test may damage."""
    monkeypatch.chdir(tmp_path)
    return prepared_copy(tmp_path / "data")


def said(capsys, *words: object) -> str:
    assert main(["data", *map(str, words)]) == 0
    return capsys.readouterr().out


def refused(capsys, *words: object) -> str:
    assert main(["data", *map(str, words)]) != 0
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.out + captured.err


# --- prepare -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [["e3d"], ["--config", "e3d"]])
def test_prepare_says_counts_terms_and_citation(tmp_path, monkeypatch, capsys, how):
    monkeypatch.chdir(tmp_path)
    settings = small_run()
    out = said(capsys, "prepare", *how, *settings)
    assert "clips: train 12, validation 5, test 4" in out
    assert "terms of use: CC BY 4.0" in out
    assert "cite: N. Srivastava" in out
    assert "cite: E. Alpaydin" in out
    (made,) = (tmp_path / "data").iterdir()
    assert f"data: data/{made.name}" in out
    assert "every shard is as it was written" in said(capsys, "prepare", *how, *settings)


def test_prepare_wants_one_configuration(capsys):
    assert "expected NAME or --config" in refused(capsys, "prepare")
    assert "expected NAME or --config" in refused(capsys, "prepare", "e3d", "--config", "e2d")


# --- verify --------------------------------------------------------------------------------------


def test_verify_counts_what_is_whole(config, capsys):
    assert "21 records are as they were written" in said(capsys, "verify", config.prepared)
    assert "21 records" in said(capsys, "verify", find(config).parent)


def test_verify_names_every_damaged_record_and_fails(config, capsys):
    path = find(config)
    content = bytearray(path.read_bytes())
    for place in (len(content) // 2, len(content) - 30):
        content[place] ^= 4
    path.write_bytes(content)
    out = refused(capsys, "verify", config.prepared)
    assert re.search(r"00001-of-00003.tfrecord: record 2 \(clip 7 of train\)", out)
    assert re.search(r"00001-of-00003.tfrecord: record 4 \(clip 9 of train\)", out)
    assert "(and 1 more, above)" in out


def test_folders_that_are_not_one_prepared_folder(config, tmp_path, capsys):
    assert "was not prepared by tfvp" in refused(capsys, "verify", tmp_path)
    other = config.prepared / "moving_mnist-000000000000"
    other.mkdir()
    (other / "manifest.json").write_text("{}")
    assert "holds several" in refused(capsys, "inspect", config.prepared)


# --- inspect -------------------------------------------------------------------------------------


def test_inspect_says_shapes_range_counts_and_sources(config, tmp_path, capsys):
    out = said(capsys, "inspect", config.prepared)
    assert "Moving MNIST with scikit-learn's digits" in out
    assert "train: 12 clips (5, 24, 32, 1) uint8, values 0-255, mean" in out
    assert "  sklearn/validation (5)" in out
    assert "label: scikit-learn's digits instead of MNIST" in out
    name = find(config).parent.name
    assert sorted(p.name for p in (tmp_path / f"{name}-inspect").iterdir()) == [
        "contact_sheet.png",
        "preview.gif",
    ]
    assert "drawn: " in said(capsys, "inspect", config.prepared)  # drawn again over ours


def test_labels_of_the_contact_sheet_keep_the_end_of_a_long_name_and_fit():
    name = "a/very/long/folder/of/recordings/WIDE_WINDOW_MMMMMM_take_0017.mp4"
    split, file, part = sheet_label("validation", 12, f"{name} frames 140-159").split("\n")
    assert (split, part) == ("validation 12", "frames 140-159")
    assert file.startswith("…")
    assert file.endswith("_take_0017.mp4")
    assert _FONT.getlength(file) <= LABEL_PX - 8
    assert sheet_label("train", 0, "short.avi") == "train 0\nshort.avi\n"


def test_the_pictures_show_the_clips(config, tmp_path, capsys):
    said(capsys, "inspect", config.prepared, "--out", tmp_path / "look")
    sheet = np.asarray(Image.open(tmp_path / "look" / "contact_sheet.png").convert("L"))
    from tfvp.data.prepare import open_prepared

    reader = open_prepared(config).split("train")
    # 32 pixels become 64: rows of 48 + 2; the first clip of train is in the first row.
    for frame in range(5):
        left = 150 + frame * 66
        cell = sheet[:48:2, left : left + 64 : 2]
        np.testing.assert_array_equal(cell, reader[0][frame, ..., 0])
    # Six clips of train, five of validation, four of test; 12 clips: 0, 2, 4, 7, 9, 11.
    assert len(sheet) == 15 * 50
    np.testing.assert_array_equal(sheet[5 * 50 : 5 * 50 + 48 : 2, 150:214:2], reader[11][0, ..., 0])
    movie = Image.open(io.BytesIO((tmp_path / "look" / "preview.gif").read_bytes()))
    assert movie.n_frames == 5


def test_pictures_go_nowhere_else(config, tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    assert "holds letter.txt" in refused(capsys, "inspect", config.prepared, "--out", mine)
    assert [p.name for p in mine.iterdir()] == ["letter.txt"]
    folder = find(config).parent
    before = sorted(folder.iterdir())
    refused(capsys, "inspect", config.prepared, "--out", folder)
    assert sorted(folder.iterdir()) == before


def unfinished(home: Path) -> Path:
    """What an interrupted conversion of other data leaves: a whole shard and its entry."""
    place = home / ".kth-0123456789ab.partial"
    place.mkdir()
    (place / "train-00000-of-00002.tfrecord").write_bytes(bytes(3_000_000))
    (place / f"train-00000-of-00002.tfrecord{ENTRY}").write_text("{}")
    return place


def test_what_an_interrupted_conversion_left_is_listed_and_stays(config, capsys, tmp_path):
    place = unfinished(config.prepared)
    (config.prepared / ".mine.partial").mkdir()  # not a name of ours
    before = sorted(place.iterdir())
    for words in (["inspect", config.prepared], ["prepare", "e3d", *small_run()]):
        out = said(capsys, *words)
        assert f"{place.name}: unfinished, 1 whole shards, 3 MB" in out
        assert ".mine.partial" not in out
    assert sorted(place.iterdir()) == before
    held = os.open(place, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert f"{place}: being written now, 1 shards" in said(capsys, "inspect", config.prepared)
    os.close(held)


def small_run() -> list[str]:
    """Settings of a run that fits the small data."""
    settings = [*SETTINGS, "--set=training.validation_clips=2", "--set=training.global_batch=4"]
    return [*settings, "--set=model.patch_px=4", "--set=evaluation.samples=1"]


def test_inspecting_a_damaged_record_names_it(config, capsys):
    path = find(config)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    Path(path).write_bytes(content)
    assert "record 2 (clip 7 of train) is damaged" in refused(capsys, "inspect", config.prepared)
